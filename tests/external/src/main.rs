//! Counts words on Kafka, using only the facade: `external HOST:PORT` prints `word<TAB>count` lines.

use std::collections::BTreeMap;

use millstream::prelude::*;

const TEXT: &str = "to be or not to be that is the question";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = std::env::args().nth(1).ok_or("usage: external HOST:PORT")?;
    let name = format!("external-{}", std::process::id());
    let lines: Topic<(), String> = Topic::named(format!("{name}-lines"))?;
    let counts: Topic<String, i64> = Topic::named(format!("{name}-counts"))?;

    let client = Client::new(Kafka::at(&servers))?;
    client.create_topic(&lines).create()?;
    client.create_topic(&counts).create()?;
    client.send(&lines, (), TEXT)?;

    let builder = StreamsBuilder::new();
    builder
        .stream(lines)
        .flat_map_values(|line| line.split_whitespace().map(str::to_owned).collect())
        .group_by(|_, word| word.clone())
        .count()
        .to_stream()
        .to(counts.clone());
    let folder = std::env::temp_dir().join(&name);
    App::new(name, builder.build()?)
        .state_in(RocksDb::default())
        .state_dir(&folder)
        .run_until_idle(Kafka::at(&servers))?;
    std::fs::remove_dir_all(&folder)?;

    let last: BTreeMap<_, _> = client.read(&counts)?.into_iter().map(|record| (record.key, record.value)).collect();
    for (word, count) in last {
        println!("{word}\t{count}");
    }
    Ok(())
}
