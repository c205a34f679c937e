//! The agent on a simulated platform: its own clocks, network, receivers, scripts and crashes, all drawn from one
//! seed. Hours pass in a moment, and a failure is its seed.

mod agent;
mod chance;
mod clock;
mod connection;
mod days;
mod network;
mod plan;
mod platform;
mod programs;
mod receiver;
mod scripted;
mod server;

/// A day counts the descriptors and the memory of the process: it runs alone, all else shares this.
static PROCESS: std::sync::RwLock<()> = std::sync::RwLock::new(());
