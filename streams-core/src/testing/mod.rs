//! Support for tests: the test driver for topologies, and the contract suites that every adapter of a port has to
//! pass.

mod driver;
mod kept;
pub mod log_contract;
mod rows;
pub mod store_contract;

pub use driver::{Setup, TestDriver};
pub use kept::KeptState;
