//! The pages, and the commands in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What is to become of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is run, and succeeds; or ends with 4, where that is an answer.
    Run { four_too: bool },
    /// The page says why not.
    NotRun,
    /// The page says nothing.
    Unsaid,
}

/// Commands that stand together.
pub(crate) struct Block {
    line: usize,
    pub(crate) text: String,
    pub(crate) fate: Fate,
}

pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) blocks: Vec<Block>,
    /// Commands within the text, by line.
    pub(crate) inline: Vec<(usize, String)>,
}

impl Page {
    pub(crate) fn place(&self, block: &Block) -> String {
        format!("{}:{}", self.name, block.line)
    }
}

/// The README, the handbook, and the references that it rests on.
pub(crate) fn pages() -> Vec<Page> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: Vec<PathBuf> = ["README.md", "docs/cli.md", "docs/configuration.md"]
        .map(Into::into)
        .into();
    let handbook = fs::read_dir(root.join("docs/operators")).unwrap();
    files.extend(handbook.map(|entry| Path::new("docs/operators").join(entry.unwrap().file_name())));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    files
        .iter()
        .map(|file| {
            read(
                &file.to_string_lossy(),
                &fs::read_to_string(root.join(file)).unwrap(),
            )
        })
        .collect()
}

fn read(name: &str, text: &str) -> Page {
    let mut page = Page {
        name: name.to_owned(),
        blocks: Vec::new(),
        inline: Vec::new(),
    };
    // The last line that was not empty: what is said of the block that follows.
    let mut before = "";
    let mut lines = text.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            page.inline.extend(spans(line).map(|span| (number, span)));
            if !line.trim().is_empty() {
                before = line.trim();
            }
            continue;
        };
        let inside: Vec<&str> = lines
            .by_ref()
            .map(|(line, _)| line)
            .take_while(|line| line.trim() != "```")
            .collect();
        if language == "sh" {
            page.blocks.push(Block {
                line: number,
                text: inside.join("\n") + "\n",
                fate: fate(before),
            });
        } else {
            // A database of that name is set in a file.
            let stray = inside
                .iter()
                .find(|line| line.starts_with("ocore ") && !line.starts_with("ocore ="));
            assert!(
                stray.is_none() || language == "json",
                "{name}:{number}: commands are to be fenced with `sh`"
            );
        }
        before = "";
    }
    page
}

fn fate(before: &str) -> Fate {
    let said = before
        .strip_prefix("<!--")
        .and_then(|rest| rest.strip_suffix("-->"))
        .map(str::trim);
    match said {
        Some("run") => Fate::Run { four_too: false },
        Some("run, exit code 4 too") => Fate::Run { four_too: true },
        Some(said)
            if said
                .strip_prefix("not run:")
                .is_some_and(|why| why.trim().len() > 10) =>
        {
            Fate::NotRun
        }
        _ => Fate::Unsaid,
    }
}

/// What stands between backticks and is a command: not one with a gap in it.
fn spans(line: &str) -> impl Iterator<Item = String> {
    let spans = line.split('`').skip(1).step_by(2);
    spans
        .filter(|span| span.starts_with("ocore ") && !span.contains('<'))
        .map(|span| span.trim_end_matches('…').replace(['[', ']'], ""))
}
