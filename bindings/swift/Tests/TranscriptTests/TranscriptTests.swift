// Does the machine answer word for word what is written down?

import Foundation
import Testing

@Test func everyTranscriptIsWhatTheMachineDoes() throws {
    let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().appendingPathComponent("../../../../tests/transcripts").standardizedFileURL
    let only = ProcessInfo.processInfo.environment["TRANSCRIPT"] ?? ""
    let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        .compactMap { $0 as? URL }
        .filter { $0.pathExtension == "json" && (only.isEmpty || $0.path.contains(only)) }
        .sorted { $0.path < $1.path }
    #expect(!files.isEmpty)
    for file in files {
        do {
            try Replay.check(Data(contentsOf: file))
        } catch {
            Issue.record("\(file.lastPathComponent): \(error)")
        }
    }
    print("\(files.count) transcripts replayed")
}
