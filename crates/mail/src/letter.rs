//! The words of a mail, set as plain text and as HTML.

use askama::Template;

/// How much of a name is written.
const NAME_MAX: usize = 100;

/// The words of a mail.
#[derive(Debug, Template)]
#[template(path = "letter.html")]
pub(crate) struct Letter<'a> {
    pub(crate) subject: String,
    /// What stands before the link.
    pub(crate) before: String,
    /// What the link does, and where it leads.
    pub(crate) link: Option<(&'static str, &'a str)>,
    /// What stands after the link.
    pub(crate) after: &'static str,
}

impl Letter<'_> {
    /// As plain text.
    pub(crate) fn text(&self) -> String {
        let link = self
            .link
            .map(|(_, link)| format!("{link}\n\n"))
            .unwrap_or_default();
        format!("{}\n\n{link}{}\n", self.before, self.after)
    }

    /// As HTML.
    pub(crate) fn html(&self) -> askama::Result<String> {
        self.render()
    }
}

/// A name that somebody chose, as one line of visible text: it cannot begin a header, pretend to be another paragraph,
/// or turn the direction of what follows it.
pub(crate) fn plain(name: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let visible: String = name.chars().map(|c| if hidden(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(NAME_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_of_visible_text() {
        for (name, written) in [
            ("Acme & Sons", "Acme & Sons"),
            ("Acme\r\nBcc: all@example.com", "Acme Bcc: all@example.com"),
            ("Acme\u{2028}\n\n\nPay here", "Acme Pay here"),
            ("\u{202e}gnp.exe\u{0}", "gnp.exe"),
            ("Žluťoučký kůň", "Žluťoučký kůň"),
        ] {
            assert_eq!(plain(name), written);
        }
        assert_eq!(plain(&"ž".repeat(500)).chars().count(), NAME_MAX + 1);
    }

    #[test]
    fn html_is_escaped() {
        let letter = Letter {
            subject: "<s>".to_owned(),
            before: "<img src=x onerror=alert(1)> & \"more\"".to_owned(),
            link: Some(("Go", "https://ocore.example/a?b=1&c=\"><script>")),
            after: "",
        };
        let html = letter.html().unwrap();
        assert!(
            !html.contains("<img") && !html.contains("<script>") && !html.contains("<s>"),
            "{html}"
        );
        assert!(!html.contains("c=\""), "{html}");
    }
}
