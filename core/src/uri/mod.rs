//! Which URLs may be asked, opened or listened on?
