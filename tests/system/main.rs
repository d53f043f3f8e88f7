//! The promises that need a real process or a whole database.
