//! The whole of oCore on real parts: its binary, real servers with sshd and Docker, real PostgreSQL, real Odoo.
//!
//! `cargo xtask test` brings the testbed up and runs these one after another.

mod bad_input;
mod disturbances;
mod faults;
mod life;
mod plane;
mod world;
