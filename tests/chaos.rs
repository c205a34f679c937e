//! Receivers and agents that die, over and over.
