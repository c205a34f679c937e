//! An agent whose configuration file changes.

use super::{Agent, Folder, Transfer};
use std::fs;
use std::path::PathBuf;

/// An agent with a file that can be changed.
pub struct Reloaded {
    pub agent: Agent,
    pub path: PathBuf,
    _folder: Folder,
}

impl Reloaded {
    pub fn start(name: &str, text: &str, flags: &[&str]) -> Self {
        let folder = Folder::new(name);
        let (file, path) = (folder.config(text), folder.join("mini-monitor.json"));
        let agent = Agent::start(&[&[file.as_str()], flags].concat());
        Self {
            agent,
            path,
            _folder: folder,
        }
    }

    /// Puts another text in the place of the file, and says so.
    pub fn change(&self, text: &str) {
        let new = self.path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &self.path).unwrap();
        self.agent.signal("HUP");
    }

    /// The same with a text that is good.
    pub fn take(&self, text: &str) {
        self.change(text);
        self.agent.log.wait_for("configuration reloaded");
    }
}

/// A file in which the lines go there, with these keys besides.
pub fn file(transfer: &Transfer, keys: &str) -> String {
    format!(
        "{{\"trans\": \"{}\", \"interval\": \"20ms\", \"flush\": \"20ms\"{keys}}}",
        transfer.address()
    )
}
