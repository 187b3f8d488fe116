//! Files that are replaced, removed and made anew all the time, each by renaming, and which of their
//! editions may be seen.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::dice::Dice;

/// How long after it was replaced an edition may be served at most. A change shows within a second; a
/// machine that has other things to do may take longer.
const LATE: Duration = Duration::from_secs(5);

/// How long an edition is remembered: longer than any request takes.
const REMEMBERED: Duration = Duration::from_mins(2);

/// The content of a file; `None` where there is none.
pub type Content = Option<Arc<Vec<u8>>>;

struct Edition {
    content: Content,
    /// When it had been replaced.
    gone: Option<Instant>,
}

/// A folder of such files, `/moving/`.
pub struct Moving {
    root: PathBuf,
    /// A folder on the same file system that is not served.
    drafts: PathBuf,
    files: Mutex<BTreeMap<String, Vec<Edition>>>,
}

/// The files that come and go one by one, by their names' ends.
const ENDS: [&str; 6] = ["txt", "html", "bin", "md", "json", "js"];
const FILES: usize = 30;

/// The folders that come and go as a whole, and what is in them.
const FOLDERS: usize = 4;
const INSIDE: [&str; 3] = ["a.txt", "b.bin", "c.html"];

impl Moving {
    pub fn new(root: &Path, drafts: PathBuf) -> Self {
        fs::create_dir_all(root.join("moving")).expect("a folder");
        fs::create_dir_all(&drafts).expect("a folder for drafts");
        let moving = Self { root: root.to_owned(), drafts, files: Mutex::default() };
        let mut dice = Dice::new(99);
        for number in 0..FILES {
            moving.put(&name(number), &mut dice);
        }
        for number in 0..FOLDERS {
            moving.put_folder(number, &mut dice);
        }
        moving
    }

    /// The names of all files that there are or may be.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// What an answer to a request sent at `since` may show of a file.
    pub fn editions(&self, name: &str, since: Instant) -> Vec<Content> {
        let files = self.lock();
        let editions = files.get(name).into_iter().flatten();
        let seen = editions.filter(|edition| edition.gone.is_none_or(|gone| gone + LATE >= since));
        seen.map(|edition| edition.content.clone()).collect()
    }

    /// Changes something.
    pub fn change(&self, dice: &mut Dice) {
        if dice.once_in(20) {
            return self.put_folder(dice.below(FOLDERS), dice);
        }
        let name = name(dice.below(FILES));
        let is_there = self.lock()[&name].last().is_some_and(|edition| edition.content.is_some());
        if is_there && dice.once_in(4) {
            self.begin([(name.clone(), None)]);
            fs::remove_file(self.root.join(&name)).expect("a file is removed");
            self.settle([&name]);
        } else {
            self.put(&name, dice);
        }
    }

    fn put(&self, name: &str, dice: &mut Dice) {
        let content = content(name, dice);
        let draft = self.drafts.join("file");
        fs::write(&draft, &content).expect("a draft");
        self.begin([(name.to_owned(), Some(Arc::new(content)))]);
        fs::rename(draft, self.root.join(name)).expect("a file is replaced");
        self.settle([name]);
    }

    fn put_folder(&self, number: usize, dice: &mut Dice) {
        let place = self.root.join(format!("moving/d{number}"));
        let names = INSIDE.map(|file| format!("moving/d{number}/{file}"));
        let (draft, old) = (self.drafts.join("folder"), self.drafts.join("old"));
        if place.exists() {
            self.begin(names.clone().map(|name| (name, None)));
            fs::rename(&place, &old).expect("a folder is moved away");
            self.settle(names.each_ref());
            fs::remove_dir_all(&old).expect("a folder is removed");
        }
        fs::create_dir(&draft).expect("a folder");
        let contents = names.clone().map(|name| {
            let content = content(&name, dice);
            fs::write(draft.join(name.rsplit('/').next().expect("a name")), &content)
                .expect("a file");
            (name, Some(Arc::new(content)))
        });
        self.begin(contents);
        fs::rename(&draft, place).expect("a folder appears");
        self.settle(names.each_ref());
    }

    /// From now on these may be seen, too.
    fn begin(&self, editions: impl IntoIterator<Item = (String, Content)>) {
        let mut files = self.lock();
        for (name, content) in editions {
            files.entry(name).or_default().push(Edition { content, gone: None });
        }
    }

    /// From now on only the last ones are there.
    fn settle<N: AsRef<str>>(&self, names: impl IntoIterator<Item = N>) {
        let now = Instant::now();
        let mut files = self.lock();
        for name in names {
            let editions = files.get_mut(name.as_ref()).expect("a known name");
            let last = editions.len() - 1;
            for edition in &mut editions[..last] {
                edition.gone.get_or_insert(now);
            }
            editions.retain(|edition| edition.gone.is_none_or(|gone| now - gone < REMEMBERED));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<Edition>>> {
        self.files.lock().expect("the files")
    }
}

fn name(number: usize) -> String {
    format!("moving/f{number:02}.{}", ENDS[number % ENDS.len()])
}

fn content(name: &str, dice: &mut Dice) -> Vec<u8> {
    let length = match dice.below(20) {
        0 => 1_500_000 + dice.below(10_000),
        1..=9 => 20 + dice.below(1500),
        _ => 1500 + dice.below(60_000),
    };
    if name.rsplit('.').next() == Some("bin") { dice.bytes(length) } else { dice.text(length) }
}
