//! Values between two operators that are neither stored nor sent need no wire format.

use streams_core::dsl::StreamsBuilder;
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::wire::MaybeNull;

const ORDERS: Topic<u64, String> = Topic::new("orders");
const NAMES: Topic<u64, String> = Topic::new("names");
const PRICES: Topic<String, i64> = Topic::new("prices");
const LINES: Topic<u64, String> = Topic::new("lines");

/// An article with its buyer's name, which exists only until the price has been looked up.
#[derive(Clone)]
struct Named {
    article: String,
    name: Option<String>,
}

impl MaybeNull for Named {
    type Inner = Self;

    fn into_option(self) -> Option<Self> {
        Some(self)
    }

    fn as_option(&self) -> Option<&Self> {
        Some(self)
    }
}

fn show(article: &str, name: Option<&str>, price: Option<i64>) -> String {
    let price = price.map_or_else(|| "?".to_owned(), |price| price.to_string());
    format!("{article} for {} at {price}", name.unwrap_or("somebody"))
}

/// Regression: the compiler required a wire format for the tuple.
#[test]
fn a_tuple_goes_from_one_join_to_the_next() {
    let topologies: [fn(&StreamsBuilder); 3] = [
        |builder| {
            let (names, prices) = (builder.table(NAMES), builder.global_table(PRICES));
            let named = builder.stream(ORDERS).left_join(names, |article, name| (article, name));
            named
                .left_join_global(
                    prices,
                    |_, (article, _)| article.clone(),
                    |(article, name), price| show(&article, name.as_deref(), price),
                )
                .to(LINES);
        },
        |builder| {
            let (names, prices) = (builder.table(NAMES), builder.global_table(PRICES));
            let named = builder.stream(ORDERS).left_join(names, |article, name| Named { article, name });
            named
                .left_join_global(
                    prices,
                    |_, named| named.article.clone(),
                    |named, price| show(&named.article, named.name.as_deref(), price),
                )
                .to(LINES);
        },
        // A null between operators is dropped, as one from a topic is.
        |builder| {
            let (names, prices) = (builder.table(NAMES), builder.global_table(PRICES));
            let named = builder.stream(ORDERS).left_join(names, |article, name| (article, name));
            named
                .map_values(|(article, name)| (article != "nothing").then_some((article, name)))
                .left_join_global(
                    prices,
                    |_, (article, _)| article.clone(),
                    |(article, name), price| show(&article, name.as_deref(), price),
                )
                .to(LINES);
        },
    ];
    for (topology, with_nothing) in topologies.into_iter().zip([true, true, false]) {
        let builder = StreamsBuilder::new();
        topology(&builder);
        let mut driver = TestDriver::new(builder.build().expect("a topology"));
        driver.pipe(&PRICES, "pen", 120);
        driver.pipe(&NAMES, 1_u64, "Ada");
        for (key, article) in [(1_u64, "pen"), (2, "pen"), (1, "ink"), (1, "nothing")] {
            driver.pipe(&ORDERS, key, article);
        }
        let mut expected = vec![(1, "pen for Ada at 120"), (2, "pen for somebody at 120"), (1, "ink for Ada at ?")];
        if with_nothing {
            expected.push((1, "nothing for Ada at ?"));
        }
        let lines = driver.read(&LINES);
        assert_eq!(lines.iter().map(|(key, line)| (*key, &**line)).collect::<Vec<_>>(), expected);
    }
}

/// A type that is refused with a sentence must not become a candidate for a literal's type.
#[test]
fn literals_and_empty_lists_have_the_types_that_they_have_without_the_refusals() {
    const SUMS: Topic<u64, i32> = Topic::new("sums");
    const EMPTY: Topic<u64, Vec<u8>> = Topic::new("empty");
    let builder = StreamsBuilder::new();
    let orders = builder.stream(ORDERS);
    let sums = orders.map_values(|_| 1).group_by_key().aggregate(|| 0, |sum, one| *sum += one);
    let empty = orders.map_values(|_| Vec::new()).group_by_key().reduce(|_, latest| latest);
    let sizes = empty.map_values(|bytes| std::mem::size_of_val(&bytes[..]) as u64);
    sums.to_stream().to(SUMS);
    empty.to_stream().to(EMPTY);
    sizes.to_stream().map_values(|size| size.map(|size| size.to_string())).to(LINES);

    let mut driver = TestDriver::new(builder.build().unwrap());
    driver.pipe(&ORDERS, 7_u64, "a pen");
    assert_eq!(driver.read(&SUMS), [(7, 1)]);
    assert_eq!(driver.read(&EMPTY), [(7, vec![])]);
    assert_eq!(driver.read(&LINES), [(7, "0".to_owned())]);
}
