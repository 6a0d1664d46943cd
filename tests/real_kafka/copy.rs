//! The README's program that copies a topic to a file and back.

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use millstream::prelude::*;
use millstream_tests::kafka::bootstrap_servers;

type Bytes = Topic<Option<Vec<u8>>, Option<Vec<u8>>>;

fn copy(
    servers: &str,
    lines: &Topic<String, String>,
    copy: &Topic<String, String>,
    path: &Path,
) -> Result<usize, Box<dyn Error>> {
    let client = Client::new(Kafka::at(servers))?;
    let mut file = fs::File::create(path)?;
    for received in client.records(lines)? {
        let record = received?.record;
        writeln!(file, "{}\t{}", record.key, record.value)?;
    }
    let text = fs::read_to_string(path)?;
    Ok(client.send_all(copy, text.lines().filter_map(|line| line.split_once('\t')))?)
}

#[test]
fn a_topic_is_copied_to_a_file_and_back_byte_by_byte() -> Result<(), Box<dyn Error>> {
    const RECORDS: usize = 20_000;
    let run = millstream::testing::log_contract::unique_prefix();
    let names = [format!("{run}-lines"), format!("{run}-copy")];
    let client = Client::new(Kafka::at(bootstrap_servers()))?;
    let [lines, second] = [0, 1].map(|index: usize| Topic::<String, String>::named(&names[index]).expect("a name"));
    for topic in [&lines, &second] {
        client.create_topic(topic).partitions(3).create()?;
    }
    let written =
        (0..RECORDS).map(|number| (format!("key {}", number % 101), format!("line {number}: \u{e9}\u{20ac}\u{1f980}")));
    assert_eq!(client.send_all(&lines, written)?, RECORDS);

    let folder = tempfile::tempdir()?;
    assert_eq!(copy(bootstrap_servers(), &lines, &second, &folder.path().join("lines.tsv"))?, RECORDS);

    let bytes = |name: &String| -> Result<Vec<_>, Box<dyn Error>> {
        let mut partitions = vec![Vec::new(); 3];
        for received in client.records(&Bytes::named(name)?)? {
            let received = received?;
            let partition = usize::try_from(received.partition.partition.0)?;
            partitions[partition].push((received.offset, received.record.key, received.record.value));
        }
        Ok(partitions)
    };
    let (original, copied) = (bytes(&names[0])?, bytes(&names[1])?);
    assert_eq!(original.iter().map(Vec::len).sum::<usize>(), RECORDS);
    assert!(original.iter().all(|partition| !partition.is_empty()));
    assert!(original == copied, "the copy differs");
    Ok(())
}
