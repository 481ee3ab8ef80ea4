//! Which sources do Python and Swift call the library with? A crate of its own, so that nobody else builds its dependencies.

fn main() {
    uniffi::uniffi_bindgen_main()
}
