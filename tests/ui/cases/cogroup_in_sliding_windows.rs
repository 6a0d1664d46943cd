//! Several groups are not aggregated together in sliding windows yet.

use std::time::Duration;

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const ERRORS: Topic<String, i64> = Topic::new("errors");

fn main() {
    let builder = StreamsBuilder::new();
    let (views, errors) = (builder.stream(VIEWS).group_by_key(), builder.stream(ERRORS).group_by_key());
    let signs = views.cogroup(|signs: &mut String, _| signs.push('.')).cogroup(errors, |signs, _| signs.push('!'));
    signs.windowed_by(Sliding::of(Duration::from_secs(60)).no_grace()).aggregate(String::new).to_stream();
}
