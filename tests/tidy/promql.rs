//! Reads of a `PromQL` expression what it asks for: series with the labels they are matched by, and labels it groups by.
//! Whether the expression is one is Prometheus' business.

/// What one expression names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) series: Vec<Matched>,
    /// Labels after `by`, `without`, `on`, `ignoring`, `group_left`, `group_right`.
    pub(crate) grouping: Vec<String>,
}

/// A series of the exporter's, and its matchers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matched {
    pub(crate) name: String,
    /// Label and value, operators left out.
    pub(crate) matchers: Vec<(String, String)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// `ours` says of a word whether it is a series of the exporter's.
pub(crate) fn asked(expression: &str, ours: impl Fn(&str) -> bool) -> Asked {
    let tokens = tokens(expression);
    let mut asked = Asked::default();
    let mut at = 0;
    while at < tokens.len() {
        let Token::Word(word) = &tokens[at] else {
            at += 1;
            continue;
        };
        at += 1;
        if ["by", "without", "on", "ignoring", "group_left", "group_right"].contains(&word.as_str()) {
            asked.grouping.extend(listed(&tokens[at..], '(', ')').iter().filter_map(as_word));
        } else if ours(word) {
            let matchers = listed(&tokens[at..], '{', '}');
            asked.series.push(Matched { name: word.clone(), matchers: pairs(matchers) });
            at += matchers.len();
        }
    }
    asked
}

/// The tokens between a pair of brackets that begins here, and none where it does not.
fn listed(tokens: &[Token], open: char, close: char) -> &[Token] {
    let Some(inside) = tokens.strip_prefix(&[Token::Sign(open)]) else { return &[] };
    let end = inside.iter().position(|token| *token == Token::Sign(close)).unwrap_or(inside.len());
    &inside[..end]
}

fn pairs(matchers: &[Token]) -> Vec<(String, String)> {
    let members = matchers.split(|token| *token == Token::Sign(','));
    let pair = |member: &[Token]| match (member.first(), member.last()) {
        (Some(Token::Word(label)), Some(Token::Text(value))) => Some((label.clone(), value.clone())),
        _ => None,
    };
    members.filter_map(pair).collect()
}

fn as_word(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.clone()),
        Token::Text(_) | Token::Sign(_) => None,
    }
}

fn tokens(expression: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut letters = expression.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '"' {
            let mut text = String::new();
            while let Some(inside) = letters.next().filter(|inside| *inside != '"') {
                text.push(inside);
                if inside == '\\' {
                    text.extend(letters.next());
                }
            }
            tokens.push(Token::Text(text));
        } else if letter.is_ascii_alphabetic() || letter == '_' {
            let mut word = String::from(letter);
            while let Some(next) = letters.next_if(|next| next.is_ascii_alphanumeric() || *next == '_' || *next == ':')
            {
                word.push(next);
            }
            tokens.push(Token::Word(word));
        } else if !letter.is_whitespace() {
            tokens.push(Token::Sign(letter));
        }
    }
    tokens
}

#[test]
fn series_matchers_and_grouping_are_read() {
    let expression = r#"sum by (le, code) (rate(demo_total{code!="a,}b", x=~"$y"}[5m])) / on (z) demo_up"#;
    let asked = asked(expression, |word| word.starts_with("demo_"));
    let matchers = vec![("code".to_owned(), "a,}b".to_owned()), ("x".to_owned(), "$y".to_owned())];
    let first = Matched { name: "demo_total".to_owned(), matchers };
    let second = Matched { name: "demo_up".to_owned(), matchers: Vec::new() };
    assert_eq!(asked.series, [first, second]);
    assert_eq!(asked.grouping, ["le", "code", "z"]);
}
