//! Keys, and the rows that they find.

use streams_core::state::KeyValueStore;
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::wire::json::Json;
use streams_core::wire::{Codec, DecodeError, EncodeError, Key, Value};

use crate::topology;

/// A key in JSON, which another program may write with additional spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
struct Id {
    id: u32,
}

impl Value for Id {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        Json::encode(self, out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Json::decode(bytes)
    }
}

impl Key for Id {}

/// Regression: rows of a global table were found by the topic's bytes, rows of a table by the key. So rows that another
/// program had written were not found, and its tombstones deleted nothing.
#[test]
fn a_row_is_found_by_its_key_whatever_bytes_another_program_wrote() {
    const NAMES: Topic<Id, Option<String>> = Topic::new("names");
    const RAW: Topic<String, Option<String>> = Topic::new("names");
    const STORE: KeyValueStore<Id, String> = KeyValueStore::new("names");
    const ASKED: Topic<Id, String> = Topic::new("asked");
    const FOUND: Topic<Id, String> = Topic::new("found");
    let joiner = |_: String, name: Option<String>| name.unwrap_or_else(|| "-".to_owned());
    let global = topology(|builder| {
        let names = builder.global_table(NAMES).stored_as(STORE);
        builder.stream(ASKED).left_join_global(names, |id, _| id.clone(), joiner).to(FOUND);
    });
    let own = topology(|builder| {
        let names = builder.table(NAMES).stored_as(STORE);
        builder.stream(ASKED).left_join(names, joiner).to(FOUND);
    });
    for topology in [global, own] {
        let mut driver = TestDriver::new(topology);
        let asked = |driver: &mut TestDriver| {
            driver.pipe(&ASKED, Id { id: 1 }, "who");
            driver.read(&FOUND).pop().map(|(_, name)| name)
        };
        let raw = |driver: &mut TestDriver, key: &str, name: Option<&str>| {
            driver.pipe(&RAW, key, name.map(str::to_owned));
        };
        raw(&mut driver, r#"{"id": 1}"#, Some("ada"));
        assert_eq!(asked(&mut driver).as_deref(), Some("ada"));
        assert_eq!(driver.rows(&STORE), [(Id { id: 1 }, "ada".to_owned())]);

        raw(&mut driver, r#"{ "id":1 }"#, Some("bob"));
        assert_eq!(driver.rows(&STORE), [(Id { id: 1 }, "bob".to_owned())], "one row for one key");
        raw(&mut driver, r#"{"id":1 }"#, None);
        assert_eq!(asked(&mut driver).as_deref(), Some("-"), "deleted");
        assert_eq!(driver.rows(&STORE), []);

        raw(&mut driver, r#"{"id":  1}"#, Some("eve"));
        driver.kill();
        driver.restart();
        assert_eq!(asked(&mut driver).as_deref(), Some("eve"), "read back after a crash");
    }
}
