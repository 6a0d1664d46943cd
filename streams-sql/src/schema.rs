//! The SQL of a table, in words that both databases understand.

use streams_connect::sink::TargetError;

use crate::ColumnType;

/// The table with the positions of all tables, in the same database:
/// `table_name`, `topic`, `partition_number`, `next_offset`, `epoch`.
pub const POSITIONS: &str = "millstream_positions";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: ColumnType,
    pub(crate) is_nullable: bool,
}

/// A table's name and columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema {
    pub(crate) name: String,
    pub(crate) key: Vec<Column>,
    pub(crate) columns: Vec<Column>,
}

/// What differs between databases.
pub(crate) trait Dialect {
    /// The name of a type.
    fn type_of(kind: ColumnType) -> &'static str;
    /// The `number`th parameter, counted from 1.
    fn parameter(number: usize) -> String;
}

impl Schema {
    /// # Errors
    /// When it cannot be a table.
    pub(crate) fn check(&self) -> Result<(), TargetError> {
        let wrong = |what: String| Err(TargetError::Fatal(format!("table `{}`: {what}", self.name)));
        if self.key.is_empty() {
            return wrong("it has no key; say `.key(\"id\", ..)`".to_owned());
        }
        let mut names: Vec<&str> = self.all().map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return wrong(format!("column `{}` is there twice", twice[0]));
        }
        if self.all().any(|column| column.name.is_empty() || column.name.contains('\0')) || self.name.contains('\0') {
            return wrong("names must have letters, and no zero byte".to_owned());
        }
        Ok(())
    }

    /// All columns, the key's first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().chain(&self.columns)
    }

    pub(crate) fn create<D: Dialect>(&self) -> String {
        let columns = self.all().map(|column| {
            let null = if column.is_nullable { "" } else { " NOT NULL" };
            format!("{} {}{null}", quoted(&column.name), D::type_of(column.kind))
        });
        let columns: Vec<String> = columns.collect();
        let key = listed(&self.key);
        format!("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({key}))", quoted_path(&self.name), columns.join(", "))
    }

    pub(crate) fn drop_table(&self) -> String {
        format!("DROP TABLE IF EXISTS {}", quoted_path(&self.name))
    }

    /// Names it as another one, in the same schema.
    pub(crate) fn rename(&self, to: &Self) -> String {
        let last = to.name.rsplit('.').next().unwrap_or(&to.name);
        format!("ALTER TABLE {} RENAME TO {}", quoted_path(&self.name), quoted(last))
    }

    pub(crate) fn upsert<D: Dialect>(&self) -> String {
        self.upsert_of((1..=self.all().count()).map(D::parameter).collect())
    }

    /// Writes nothing in each column, for a database that is only asked whether it could.
    pub(crate) fn upsert_nulls(&self) -> String {
        self.upsert_of(self.all().map(|_| "NULL".to_owned()).collect())
    }

    fn upsert_of(&self, values: Vec<String>) -> String {
        let all: Vec<String> = self.all().map(|column| quoted(&column.name)).collect();
        let set: Vec<String> =
            self.columns.iter().map(|column| format!("{0} = excluded.{0}", quoted(&column.name))).collect();
        let then = if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", set.join(", ")) };
        format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO {then}",
            quoted_path(&self.name),
            all.join(", "),
            values.join(", "),
            listed(&self.key)
        )
    }

    pub(crate) fn delete<D: Dialect>(&self) -> String {
        let is_it = |(number, column): (usize, &Column)| format!("{} = {}", quoted(&column.name), D::parameter(number));
        let conditions: Vec<String> = (1..).zip(&self.key).map(is_it).collect();
        format!("DELETE FROM {} WHERE {}", quoted_path(&self.name), conditions.join(" AND "))
    }
}

pub(crate) fn create_positions() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {POSITIONS} (table_name TEXT NOT NULL, topic TEXT NOT NULL, partition_number INTEGER NOT NULL, \
         next_offset BIGINT NOT NULL, epoch BIGINT NOT NULL, PRIMARY KEY (table_name, topic, partition_number))"
    )
}

/// Parameters: table, topic, partition, offset to begin at. Returns offset and epoch.
pub(crate) fn take<D: Dialect>() -> String {
    let [table, topic, partition, begin] = [1, 2, 3, 4].map(D::parameter);
    format!(
        "INSERT INTO {POSITIONS} (table_name, topic, partition_number, next_offset, epoch) \
         VALUES ({table}, {topic}, {partition}, {begin}, 1) \
         ON CONFLICT (table_name, topic, partition_number) DO UPDATE SET epoch = {POSITIONS}.epoch + 1 \
         RETURNING next_offset, epoch"
    )
}

/// Parameters: next offset, table, topic, partition, epoch, the offset that it was at.
pub(crate) fn advance<D: Dialect>() -> String {
    let [next, table, topic, partition, epoch, from] = [1, 2, 3, 4, 5, 6].map(D::parameter);
    format!(
        "UPDATE {POSITIONS} SET next_offset = {next} WHERE table_name = {table} AND topic = {topic} \
         AND partition_number = {partition} AND epoch = {epoch} AND next_offset = {from}"
    )
}

/// Parameters: table, the table beside.
pub(crate) fn take_positions<D: Dialect>() -> String {
    let [table, beside] = [1, 2].map(D::parameter);
    format!(
        "INSERT INTO {POSITIONS} (table_name, topic, partition_number, next_offset, epoch) \
         SELECT {table}, topic, partition_number, next_offset, 1 FROM {POSITIONS} WHERE table_name = {beside} \
         ON CONFLICT (table_name, topic, partition_number) \
         DO UPDATE SET next_offset = excluded.next_offset, epoch = {POSITIONS}.epoch + 1"
    )
}

/// Parameter: table.
pub(crate) fn forget_positions<D: Dialect>() -> String {
    format!("DELETE FROM {POSITIONS} WHERE table_name = {}", D::parameter(1))
}

/// Parameter: table. Returns topic, partition and offset.
pub(crate) fn positions<D: Dialect>() -> String {
    format!("SELECT topic, partition_number, next_offset FROM {POSITIONS} WHERE table_name = {}", D::parameter(1))
}

fn listed(columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    names.join(", ")
}

/// A name that may have any character.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's name, perhaps behind that of its schema.
pub(crate) fn quoted_path(name: &str) -> String {
    name.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::{Column, Dialect, Schema};
    use crate::ColumnType;

    struct Plain;

    impl Dialect for Plain {
        fn type_of(kind: ColumnType) -> &'static str {
            match kind {
                ColumnType::Integer => "INTEGER",
                _ => "TEXT",
            }
        }

        fn parameter(number: usize) -> String {
            format!("?{number}")
        }
    }

    fn schema(key: &[&str], columns: &[&str]) -> Schema {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            kind: if name.len() > 2 { ColumnType::Integer } else { ColumnType::Text },
            is_nullable: name.len() > 2,
        };
        let (key, columns) = (key.iter().map(column).collect(), columns.iter().map(column).collect());
        Schema { name: "s.a\"b".to_owned(), key, columns }
    }

    #[test]
    fn statements_quote_every_name() {
        let schema = schema(&["k", "l"], &["cents", "o\""]);
        assert_eq!(
            schema.create::<Plain>(),
            "CREATE TABLE IF NOT EXISTS \"s\".\"a\"\"b\" (\"k\" TEXT NOT NULL, \"l\" TEXT NOT NULL, \"cents\" INTEGER, \
             \"o\"\"\" TEXT NOT NULL, PRIMARY KEY (\"k\", \"l\"))"
        );
        assert_eq!(
            schema.upsert::<Plain>(),
            "INSERT INTO \"s\".\"a\"\"b\" (\"k\", \"l\", \"cents\", \"o\"\"\") VALUES (?1, ?2, ?3, ?4) ON CONFLICT (\"k\", \"l\") \
             DO UPDATE SET \"cents\" = excluded.\"cents\", \"o\"\"\" = excluded.\"o\"\"\""
        );
        assert_eq!(schema.delete::<Plain>(), "DELETE FROM \"s\".\"a\"\"b\" WHERE \"k\" = ?1 AND \"l\" = ?2");
    }

    #[test]
    fn a_table_of_keys_alone_updates_nothing() {
        assert!(schema(&["k"], &[]).upsert::<Plain>().ends_with("ON CONFLICT (\"k\") DO NOTHING"));
    }

    #[test]
    fn what_cannot_be_a_table_is_refused() {
        for (key, columns, why) in [
            (&[][..], &["c"][..], "it has no key; say `.key(\"id\", ..)`"),
            (&["k"], &["c", "k"], "column `k` is there twice"),
            (&["k"], &["a\0"], "names must have letters, and no zero byte"),
        ] {
            let error = schema(key, columns).check().expect_err("it is refused");
            assert_eq!(error.to_string(), format!("table `s.a\"b`: {why}"));
        }
    }
}
