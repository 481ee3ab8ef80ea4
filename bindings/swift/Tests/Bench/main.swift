// What does it cost to call the machine from Swift?

import Foundation
import MCPOAuth
import MCPOAuthMachine
import TestHost

try await Bench().run()
