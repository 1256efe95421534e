//! Servers of real parts on one machine.

pub mod command;
