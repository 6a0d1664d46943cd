//! Tests in which members join, leave, stand still and come back: work that others did meanwhile is neither repeated
//! nor lost.

mod late_reports;
mod lost_positions;
mod resumed;
mod static_members;
mod suspended_rows;
mod zombies;
