//! Does the Rust host get along with servers as they are: peculiar, failing, moving and hostile?

mod by_name;
mod extensions;
mod hostile;
mod isolation;
mod lifecycle;
mod people;
mod processes;
mod quiet;
mod quirks;
mod scene;
