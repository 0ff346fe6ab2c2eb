//! Changes single keys of a saved connection's text, and leaves everything else as its owner wrote it.

/// The text with this key at the top level set to the value, or without it. Who writes YAML in another form, such as all of it
/// in braces, gets a text that cannot be read: it is to be read before it is written.
pub fn with_key(text: &str, key: &str, value: Option<&str>) -> String {
    let mut changed = String::new();
    let mut new_line = value.map(|value| format!("{key}: {}\n", spelt(value)));
    let mut is_in_old_value = false;
    for line in text.lines() {
        if is_key(line, key) {
            is_in_old_value = true;
            changed.extend(new_line.take());
        } else if !(is_in_old_value && goes_on(line)) {
            is_in_old_value = false;
            changed.extend([line, "\n"]);
        }
    }
    changed.extend(new_line);
    changed
}

fn is_key(line: &str, key: &str) -> bool {
    line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'))
}

/// A value's further lines are indented, or members of a list.
fn goes_on(line: &str) -> bool {
    line.starts_with([' ', '\t']) || line.starts_with("- ")
}

/// JSON's strings are YAML's, too, and mean nothing but themselves.
fn spelt(value: &str) -> String {
    let is_plain =
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') || value == "true";
    if is_plain { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_set_where_it_stands_and_everything_else_stays() {
        let text = "# mine\nusername:   old  # his\nlabels:\n  top: 5 # username: no\nusernames: 1\n";
        assert_eq!(
            with_key(text, "username", Some("ann@acme.example")),
            "# mine\nusername: \"ann@acme.example\"\nlabels:\n  top: 5 # username: no\nusernames: 1\n"
        );
        assert_eq!(with_key(text, "username", None), "# mine\nlabels:\n  top: 5 # username: no\nusernames: 1\n");
    }

    #[test]
    fn a_key_that_is_not_there_comes_last_or_not_at_all() {
        assert_eq!(with_key("a: 1", "concurrency_level", Some("5")), "a: 1\nconcurrency_level: 5\n");
        assert_eq!(with_key("a: 1\n", "concurrency_level", None), "a: 1\n");
    }

    #[test]
    fn a_value_of_several_lines_goes_as_a_whole() {
        let text = "username: >-\n  ann\n  bob\napi_token_files:\n- one\n- two\nlabels: {}\n";
        let changed = with_key(&with_key(text, "username", Some("eve")), "api_token_files", None);
        assert_eq!(changed, "username: \"eve\"\nlabels: {}\n");
    }

    #[test]
    fn a_value_means_nothing_but_itself() {
        assert_eq!(with_key("", "a", Some("x: \"y\" # z\\")), "a: \"x: \\\"y\\\" # z\\\\\"\n");
        assert_eq!(with_key("", "a", Some("2027-06-30")), "a: 2027-06-30\n");
        assert_eq!(with_key("", "a", Some("null")), "a: \"null\"\n");
    }
}
