//! Members come, go, stand still and come back: whatever somebody else did meanwhile is neither done again nor
//! lost.

mod late_reports;
mod lost_positions;
mod resumed;
mod zombies;
