//! Values that know their own rules.
//!
//! The trait is ours. With the feature `validator`, every type has it that derives `validator::Validate`; that is the only
//! code that knows of the crate.

use super::validate::Violation;

/// A value that knows its rules, for [`KStream::validated`](crate::dsl::KStream::validated).
///
/// With the feature `validator`, all types have it that derive `Validate` of the crate [`validator`]. Others can have it, too:
///
/// ```
/// use millstream::dsl::handler::{HasRules, Violation};
///
/// struct Age(u8);
///
/// impl HasRules for Age {
///     fn violations(&self) -> Vec<Violation> {
///         let young = (self.0 < 18).then(|| Violation::new("", "min", "too young").with_param(18));
///         young.into_iter().collect()
///     }
/// }
/// ```
///
/// [`validator`]: https://docs.rs/validator/0.21
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not know its rules",
    label = "what is a valid one?",
    note = "derive `validator::Validate` for it, with the feature `validator` of Millstream, or implement `HasRules`",
    note = "`.validate(|value| ..)` takes the rules as a closure"
)]
pub trait HasRules {
    /// The rules that the value breaks; none if it is valid.
    fn violations(&self) -> Vec<Violation>;
}

#[cfg(feature = "validator")]
mod of_validator {
    use std::borrow::Cow;
    use std::collections::{BTreeMap, HashMap};

    use serde_json::Value;
    use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

    use super::{HasRules, Violation};

    impl<T: Validate> HasRules for T {
        fn violations(&self) -> Vec<Violation> {
            let mut all = Vec::new();
            if let Err(errors) = self.validate() {
                of_struct("", &errors, &mut all);
            }
            all
        }
    }

    /// As which field errors are told that are about a struct as a whole.
    const WHOLE: &str = "__all__";
    /// The same for a list that is no field.
    const LIST: &str = "_tmp_validator";

    fn of_struct(path: &str, errors: &ValidationErrors, all: &mut Vec<Violation>) {
        // They are in no order.
        let fields: BTreeMap<&str, &ValidationErrorsKind> =
            errors.errors().iter().map(|(field, kind)| (&**field, kind)).collect();
        for (field, kind) in fields {
            let path = match field {
                WHOLE | LIST => path.to_owned(),
                field if path.is_empty() => field.to_owned(),
                field => format!("{path}.{field}"),
            };
            match kind {
                ValidationErrorsKind::Struct(errors) => of_struct(&path, errors, all),
                ValidationErrorsKind::List(items) => {
                    items.iter().for_each(|(index, errors)| of_struct(&format!("{path}[{index}]"), errors, all));
                }
                ValidationErrorsKind::Field(errors) => all.extend(errors.iter().map(|error| of_field(&path, error))),
            }
        }
    }

    fn of_field(path: &str, error: &ValidationError) -> Violation {
        let param = params(&error.params);
        let message = error.message.as_deref().map_or_else(|| sentence(&error.code, param.as_deref()), str::to_owned);
        Violation { field: path.to_owned(), code: error.code.to_string(), param, message }
    }

    /// What the rule compares with, as `max=20, min=3`. The value itself is in the record, and need not be in its headers.
    fn params(params: &HashMap<Cow<'static, str>, Value>) -> Option<String> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut params: Vec<_> = params
            .iter()
            .filter(|(name, _)| *name != "value")
            .map(|(name, value)| format!("{name}={}", text(value)))
            .collect();
        params.sort();
        (!params.is_empty()).then(|| params.join(", "))
    }

    /// What a rule says that has no message of its own.
    fn sentence(code: &str, param: Option<&str>) -> String {
        let what = match code {
            "email" => "it is no e-mail address",
            "url" => "it is no URL",
            "ip" | "ipv4" | "ipv6" | "ip_v4" | "ip_v6" => "it is no IP address",
            "length" => "its length is not allowed",
            "range" => "it is out of range",
            "must_match" => "it differs from another field that it has to match",
            "contains" => "it lacks what it has to contain",
            "does_not_contain" => "it contains what it must not",
            "required" => "it is missing",
            "regex" => "it does not have the right form",
            "credit_card" => "it is no credit card number",
            "non_control_character" => "it contains control characters",
            code => return format!("it breaks the rule `{code}`"),
        };
        param.map_or_else(|| what.to_owned(), |param| format!("{what} ({param})"))
    }
}
