//! The calls of `ocore` in lines of shell, as far as pages need it.

/// What runs another command, and names it among its arguments.
const WRAPPERS: [&str; 7] = ["sudo", "exec", "env", "docker", "runuser", "nohup", "watch"];

/// The arguments of every call of `ocore`.
pub(crate) fn ocore(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for words in commands(text) {
        let words: Vec<String> = words.into_iter().skip_while(|word| is_assignment(word)).collect();
        let Some(first) = words.first() else { continue };
        if is_ocore(first) {
            found.push(words[1..].to_vec());
        } else if WRAPPERS.contains(&first.as_str()) {
            // `-u ocore` names a user.
            let at = (1..words.len()).find(|at| is_ocore(&words[*at]) && !words[at - 1].starts_with('-'));
            found.extend(at.map(|at| words[at + 1..].to_vec()));
        }
        // sh -c 'script', by itself or at the end of another.
        if let Some(at) = words
            .iter()
            .position(|word| word.ends_with('c') && word.starts_with('-'))
        {
            let is_shell = at > 0 && ["sh", "bash"].contains(&words[at - 1].as_str());
            found.extend(
                words
                    .get(at + 1)
                    .filter(|_| is_shell)
                    .into_iter()
                    .flat_map(|script| ocore(script)),
            );
        }
    }
    found
}

fn is_ocore(word: &str) -> bool {
    word == "ocore" || word.ends_with("/ocore")
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Simple commands, as words; what stands in `$( )` as commands of its own.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_target = false;
    let mut here: Option<String> = None;
    let mut rest = text;
    let end_word = |word: &mut Option<String>, words: &mut Vec<String>, is_target: &mut bool| {
        if let Some(word) = word.take()
            && !std::mem::take(is_target)
        {
            words.push(word);
        }
    };
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let next = rest.chars().next();
                rest = &rest[next.map_or(0, char::len_utf8)..];
                if let Some(next) = next.filter(|next| *next != '\n') {
                    word.get_or_insert_default().push(next);
                }
            }
            '\'' => {
                let (inside, after) = rest.split_once('\'').unwrap_or((rest, ""));
                word.get_or_insert_default().push_str(inside);
                rest = after;
            }
            '"' => {
                let (inside, after) = rest.split_once('"').unwrap_or((rest, ""));
                word.get_or_insert_default().push_str(inside);
                rest = after;
            }
            '$' if rest.starts_with('(') => {
                let (inside, after) = balanced(&rest[1..]);
                all.extend(commands(inside));
                word.get_or_insert_default().push('x');
                rest = after;
            }
            '#' if word.is_none() => rest = &rest[rest.find('\n').unwrap_or(rest.len())..],
            '<' | '>' => {
                if word
                    .as_ref()
                    .is_some_and(|word| word.chars().all(|c| c.is_ascii_digit()))
                {
                    word = None;
                }
                end_word(&mut word, &mut words, &mut is_target);
                if c == '<' && rest.starts_with('<') && !rest.starts_with("<<") {
                    let name: String = rest[1..]
                        .trim_start_matches('-')
                        .chars()
                        .take_while(|c| *c != '\n')
                        .collect();
                    here = Some(name.trim().trim_matches(['\'', '"']).to_owned());
                }
                rest = rest.trim_start_matches(['<', '>', '&', '-']);
                is_target = true;
            }
            ' ' | '\t' => end_word(&mut word, &mut words, &mut is_target),
            '\n' | ';' | '|' | '&' | '(' | ')' => {
                end_word(&mut word, &mut words, &mut is_target);
                all.push(std::mem::take(&mut words));
                is_target = false;
                if c == '\n'
                    && let Some(end) = here.take()
                {
                    let until = rest
                        .find(&format!("\n{end}\n"))
                        .map_or(rest.len(), |at| at + end.len() + 1);
                    rest = &rest[until..];
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    end_word(&mut word, &mut words, &mut is_target);
    all.push(words);
    all.retain(|words| !words.is_empty());
    all
}

/// What is before the bracket that closes, and what is behind it.
fn balanced(text: &str) -> (&str, &str) {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&text[..at], &text[at + 1..]);
        }
    }
    (text, "")
}

#[test]
fn calls_are_found() {
    let calls = |text| {
        ocore(text)
            .into_iter()
            .map(|words| words.join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        calls("ocore server list   # all\nls; ocore audit verify | less"),
        ["server list", "audit verify"]
    );
    assert_eq!(
        calls("sudo -u ocore sh -c 'set -a; exec ocore admin create --name a'"),
        ["admin create --name a"]
    );
    assert_eq!(calls("sudo -u ocore pg_dump -U ocore > ocore.dump"), [""; 0]);
    assert_eq!(
        calls("ocore server add web1 --host h \\\n    --key-file k < password 2>/dev/null"),
        ["server add web1 --host h --key-file k"]
    );
    assert_eq!(
        calls("A=b docker compose exec backend ocore admin create --name 'a b'"),
        ["admin create --name a b"]
    );
    assert_eq!(
        calls("ID=$(ocore server show web1 --json | jq -r .id)"),
        ["server show web1 --json"]
    );
    assert_eq!(
        calls("cat > f <<'END'\nocore nothing\nEND\nocore server list"),
        ["server list"]
    );
}
