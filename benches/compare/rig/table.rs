//! The table for people, and a line of JSON per row for programs.

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::contender::Contender;
use crate::figures::{Measured, Pair, Spread, count};
use crate::rig::Plan;

/// The result of a row.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Both sides gave the same answers, so their costs may be compared.
    Equal(Vec<Pair>),
    /// The answers differ in this way.
    Different(String),
    /// A run failed with this error.
    Failed(String),
}

/// A row of the tables.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) plan: Plan,
    pub(crate) outcome: Outcome,
}

/// The rival's figure (Kafka Streams' or an older build's) and ours.
type BySide = [Option<f64>; 2];

impl Row {
    pub(crate) const fn is_equal(&self) -> bool {
        matches!(self.outcome, Outcome::Equal(_))
    }

    /// The result in one line for people.
    pub(crate) fn verdict(&self) -> String {
        match &self.outcome {
            Outcome::Equal(_) => "equal answers".to_owned(),
            Outcome::Different(difference) => format!("DIFFERENT ANSWERS: {difference}"),
            Outcome::Failed(error) => format!("FAILED: {error}"),
        }
    }

    /// The result in one line for programs. It has figures only if the answers are equal.
    pub(crate) fn json(&self, rival: &Contender) -> Value {
        let mut line = json!({
            "workload": self.plan.workload.name,
            "guarantee": self.plan.guarantee.short(),
            "scale": self.plan.scale,
            "pairs": self.plan.pairs,
            "equal": self.is_equal(),
        });
        let mut put = |name: String, value: Value| {
            if let Some(line) = line.as_object_mut() {
                line.insert(name, value);
            }
        };
        let Outcome::Equal(pairs) = &self.outcome else {
            put("why".to_owned(), json!(self.verdict()));
            return line;
        };
        put("records".to_owned(), json!(pairs.first().map(|pair| pair.ours.records)));
        for (name, spread) in [
            ("cpu", Spread::of(pairs.iter().map(Pair::cpu_ratio))),
            ("cpu_warm", Spread::of(pairs.iter().filter_map(Pair::warm_cpu_ratio))),
            ("wall", Spread::of(pairs.iter().map(Pair::wall_ratio))),
            ("rss", Spread::of(pairs.iter().filter_map(Pair::rss_ratio))),
        ] {
            put(format!("ratio_{name}_median"), json!(spread.map(|spread| rounded(spread.median))));
            put(format!("ratio_{name}_min"), json!(spread.map(|spread| rounded(spread.min))));
            put(format!("ratio_{name}_max"), json!(spread.map(|spread| rounded(spread.max))));
        }
        let whole: fn(f64) -> Value = |number| json!(number.round() as u64);
        let fraction: fn(f64) -> Value = |number| json!(rounded(number));
        for (name, figures, shown) in [
            ("us_per_record", medians(pairs, |run| Some(run.cpu_per_record())), fraction),
            ("us_per_record_warm", medians(pairs, Measured::warm_cpu_per_record), fraction),
            ("records_per_second", medians(pairs, |run| Some(run.records_per_second())), whole),
            ("rss_mb", medians(pairs, |run| run.cost.peak_rss.map(megabytes)), fraction),
            ("changelog", medians(pairs, |run| Some(count(run.changelog))), whole),
            ("outputs", medians(pairs, |run| Some(count(run.outputs))), whole),
        ] {
            for (side, figure) in [rival.short(), "ours"].into_iter().zip(figures) {
                put(format!("{side}_{name}"), figure.map_or(Value::Null, shown));
            }
        }
        line
    }

    /// The rival's figures divided by ours, and whether the answers are equal.
    fn ratios(&self) -> Vec<String> {
        let mut cells = self.head();
        match &self.outcome {
            Outcome::Equal(pairs) => cells.extend([
                spread(Spread::of(pairs.iter().map(Pair::cpu_ratio))),
                spread(Spread::of(pairs.iter().filter_map(Pair::warm_cpu_ratio))),
                spread(Spread::of(pairs.iter().map(Pair::wall_ratio))),
                spread(Spread::of(pairs.iter().filter_map(Pair::rss_ratio))),
            ]),
            Outcome::Different(_) | Outcome::Failed(_) => cells.extend([const { String::new() }; RATIOS.len()]),
        }
        cells.push(self.verdict());
        cells
    }

    /// The figures of both sides, side by side; `None` if the answers are not equal.
    fn figures(&self) -> Option<Vec<String>> {
        let Outcome::Equal(pairs) = &self.outcome else { return None };
        let mut cells = self.head();
        cells.push(pairs.first().map(|pair| thousands(count(pair.ours.records))).unwrap_or_default());
        let micros = |us: f64| format!("{us:.2}");
        for (figures, shown) in [
            (medians(pairs, |run| Some(run.cpu_per_record())), micros as fn(f64) -> String),
            (medians(pairs, Measured::warm_cpu_per_record), micros),
            (medians(pairs, |run| Some(run.records_per_second())), thousands),
            (medians(pairs, |run| run.cost.peak_rss.map(megabytes)), |mb| format!("{mb:.0}")),
            (medians(pairs, |run| Some(count(run.changelog))), thousands),
            (medians(pairs, |run| Some(count(run.outputs))), thousands),
        ] {
            cells.extend(figures.map(|figure| figure.map_or_else(|| "-".to_owned(), shown)));
        }
        Some(cells)
    }

    fn head(&self) -> Vec<String> {
        vec![self.plan.workload.name.to_owned(), self.plan.guarantee.short().to_owned()]
    }
}

const RATIOS: [&str; 4] = ["CPU", "CPU, warm", "time", "memory"];
const FIGURES: [&str; 6] =
    ["CPU µs/record", "CPU µs/record\nwarm", "records/s", "peak RSS MB", "changelog\nrecords", "outputs"];

/// The comparison with the rival, row by row.
pub(crate) fn ratios(rows: &[Row], rival: &Contender) -> Table {
    let mut header = vec!["workload".to_owned(), "guarantee".to_owned()];
    header.extend(RATIOS.map(|what| format!("{what}\n{} / this", rival.name())));
    header.push("answers".to_owned());
    table(&header, rows.iter().map(Row::ratios))
}

/// The figures of each side, row by row.
pub(crate) fn figures(rows: &[Row], rival: &Contender) -> Table {
    let mut header = ["workload", "guarantee", "records"].map(str::to_owned).to_vec();
    header.extend(FIGURES.into_iter().flat_map(|what| [format!("{what}\n{}", rival.name()), "\nthis".to_owned()]));
    table(&header, rows.iter().filter_map(Row::figures))
}

/// Only whether the answers are equal.
pub(crate) fn verdicts(rows: &[Row]) -> Table {
    let cells = |row: &Row| row.head().into_iter().chain([row.verdict()]).collect();
    table(&["workload", "guarantee", "answers"].map(str::to_owned), rows.iter().map(cells))
}

fn table(header: &[String], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(header);
    for row in rows {
        let cell = |text: &String| {
            let is_figure = text.starts_with(|first: char| first.is_ascii_digit());
            Cell::new(text).set_alignment(if is_figure { CellAlignment::Right } else { CellAlignment::Left })
        };
        table.add_row(row.iter().map(cell));
    }
    table
}

fn medians(pairs: &[Pair], figure: impl Fn(&Measured) -> Option<f64>) -> BySide {
    let median = |side: fn(&Pair) -> &Measured| {
        Spread::of(pairs.iter().map(side).filter_map(&figure)).map(|spread| spread.median)
    };
    [median(|pair| &pair.rival), median(|pair| &pair.ours)]
}

fn spread(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "-".to_owned(), |Spread { median, min, max }| format!("{median:.2} ({min:.2}-{max:.2})"))
}

/// `1234567` as `1,235k`, for numbers in the millions.
fn thousands(number: f64) -> String {
    if number < 10_000.0 {
        return format!("{number:.0}");
    }
    let digits = format!("{:.0}", number / 1_000.0);
    let grouped = digits.bytes().enumerate().map(|(place, digit)| {
        let comma = place > 0 && (digits.len() - place) % 3 == 0;
        format!("{}{}", if comma { "," } else { "" }, char::from(digit))
    });
    format!("{}k", grouped.collect::<String>())
}

fn megabytes(bytes: u64) -> f64 {
    count(bytes) / 1e6
}

/// Rounded to three digits after the decimal point.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use serde_json::json;

    use super::{Outcome, Row, figures, ratios, thousands, verdicts};
    use crate::contender::Contender;
    use crate::figures::{Measured, Pair};
    use crate::rig::{Plan, Purpose};
    use crate::run::{Cost, Warm};
    use crate::workloads::{Guarantee, named};

    fn row(outcome: Outcome) -> Row {
        let workload = named("hot-count").expect("a row");
        let plan = Plan { workload, guarantee: Guarantee::Alo, pairs: 1, scale: 0.5, purpose: Purpose::Figures };
        Row { plan, outcome }
    }

    fn equal() -> Row {
        let measured = |cpu, wall, peak_rss, changelog| Measured {
            records: 1_000_000,
            cost: Cost {
                wall: Duration::from_secs(wall),
                cpu: Duration::from_secs(cpu),
                warm: Some(Warm { processed: 500_000, cpu: Duration::from_secs(1) }),
                peak_rss,
            },
            changelog,
            outputs: 7,
        };
        let pair = Pair { rival: measured(6, 4, Some(900_000_000), 20), ours: measured(2, 1, Some(100_000_000), 10) };
        row(Outcome::Equal(vec![pair]))
    }

    fn java() -> Contender {
        Contender::KafkaStreams { java: PathBuf::new(), class_path: "".into() }
    }

    #[test]
    fn a_line_of_json_has_ratios_and_both_sides() {
        let line = equal().json(&java());
        for (name, value) in [
            ("workload", json!("hot-count")),
            ("guarantee", json!("alo")),
            ("pairs", json!(1)),
            ("equal", json!(true)),
            ("records", json!(1_000_000)),
            ("ratio_cpu_median", json!(3.0)),
            ("ratio_cpu_warm_median", json!(5.0)),
            ("ratio_wall_median", json!(4.0)),
            ("ratio_rss_median", json!(9.0)),
            ("java_us_per_record", json!(6.0)),
            ("ours_us_per_record", json!(2.0)),
            ("java_us_per_record_warm", json!(10.0)),
            ("java_rss_mb", json!(900.0)),
            ("ours_rss_mb", json!(100.0)),
            ("java_changelog", json!(20)),
            ("ours_changelog", json!(10)),
        ] {
            assert_eq!(line[name], value, "{name} in {line}");
        }
        let before = equal().json(&Contender::Before { program: PathBuf::new() });
        assert_eq!((&before["before_us_per_record"], before.get("java_us_per_record")), (&json!(6.0), None));
    }

    #[test]
    fn without_equal_answers_there_is_no_figure() {
        let different = row(Outcome::Different("3 keys differ".to_owned()));
        let line = different.json(&java());
        assert_eq!((&line["equal"], &line["why"]), (&json!(false), &json!("DIFFERENT ANSWERS: 3 keys differ")));
        assert_eq!((line.get("ratio_cpu_median"), line.get("java_us_per_record")), (None, None));
        assert_eq!(
            different.ratios(),
            ["hot-count", "alo", "", "", "", "", "DIFFERENT ANSWERS: 3 keys differ"].map(str::to_owned)
        );
        assert_eq!(different.figures(), None);
    }

    #[test]
    fn each_table_has_as_many_cells_as_heads() {
        let rows = [equal()];
        let mut tables = [ratios(&rows, &java()), figures(&rows, &java()), verdicts(&rows)];
        let cells = [rows[0].ratios().len(), rows[0].figures().expect("figures").len(), 3];
        assert_eq!(tables.each_mut().map(|table| table.column_count()), cells);
        let line = tables[0].lines().find(|line| line.contains("hot-count")).expect("a row");
        assert!(line.contains("3.00 (3.00-3.00)") && line.contains("equal answers"), "{line}");
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([7.0, 9_999.0, 12_345.0, 28_650_000.0].map(thousands), ["7", "9999", "12k", "28,650k"]);
    }
}
