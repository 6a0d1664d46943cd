//! `validate`.

use super::KStream;
use crate::dsl::handler::{HasRules, Violation};
use crate::dsl::{Data, Shared};
use crate::operators::validate;
use crate::topology::program::Changes;

/// Rules for values. Kafka Streams has no such method.
impl<'t, K, V> KStream<'t, K, V> {
    /// Lets only records through whose values break no rule: those for which the closure returns no [`Violation`].
    ///
    /// What becomes of others is what `processing.exception.handler` says, or
    /// [`App::handle_errors`](crate::runtime::App::handle_errors); but they are not processed again, because they would be no
    /// better. They are counted as `invalid`, and a dead letter has the violations in the header
    /// `millstream.errors.violations`, as a list of JSON objects with `field`, `code`, `param` and `message`. Nothing behind
    /// sees such a record.
    ///
    /// ```
    /// use millstream::config::OnError;
    /// use millstream::dsl::handler::Violation;
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const SIGN_UPS: Topic<String, String> = Topic::new("sign-ups");
    /// const ACCEPTED: Topic<String, String> = Topic::new("accepted");
    /// const DEAD: Topic<Option<String>, Option<String>> = Topic::new("dead-letters");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(SIGN_UPS)
    ///     .validate(|mail: &String| {
    ///         (!mail.contains('@')).then(|| Violation::new("email", "email", "it is no address"))
    ///     })
    ///     .to(ACCEPTED);
    ///
    /// let setup = TestDriver::configure(builder.build()?);
    /// let setup = setup.with(|app| app.on_processing_error(OnError::DeadLetter).dead_letters_to("dead-letters"));
    /// let mut driver = setup.start();
    /// driver.pipe(&SIGN_UPS, "ada", "ada@example.org");
    /// driver.pipe(&SIGN_UPS, "bob", "bob");
    /// assert_eq!(driver.read(&ACCEPTED).len(), 1);
    /// let violations = r#"[{"field":"email","code":"email","param":null,"message":"it is no address"}]"#;
    /// let dead = &driver.read_records(&DEAD)[0];
    /// assert_eq!(dead.headers.get("millstream.errors.violations"), Some(violations.as_bytes()));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn validate<I>(self, rules: impl Fn(&V) -> I + Shared) -> Self
    where
        K: Data,
        V: Data,
        I: IntoIterator<Item = Violation> + 'static,
    {
        self.operator("KSTREAM-VALIDATE-", Changes::Nothing, validate::recipe::<K, V, I>(rules))
    }

    /// As [`KStream::validate`], for values that know their rules ([`HasRules`]), such as those that derive `Validate` of the
    /// crate `validator`, with Millstream's feature of that name. Fields within others are told as `address.zip` and
    /// `lines[2].amount`.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use validator::Validate;
    ///
    /// #[derive(Clone, serde::Serialize, serde::Deserialize, Value, Validate)]
    /// #[streams(json)]
    /// struct User {
    ///     #[validate(email)]
    ///     email: String,
    ///     #[validate(range(min = 18))]
    ///     age: u8,
    /// }
    ///
    /// const SIGN_UPS: Topic<String, User> = Topic::new("sign-ups");
    /// const ACCEPTED: Topic<String, User> = Topic::new("accepted");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(SIGN_UPS).validated().to(ACCEPTED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&SIGN_UPS, "ada", User { email: "ada@example.org".to_owned(), age: 36 });
    /// assert_eq!(driver.read(&ACCEPTED).len(), 1);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn validated(self) -> Self
    where
        K: Data,
        V: Data + HasRules,
    {
        self.validate(HasRules::violations)
    }
}
