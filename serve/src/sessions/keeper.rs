//! The thread that moves sessions to their files when memory is short, and at the end.

use super::Sessions;
use crate::error::ApiError;
use crate::log;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, mem};

/// How long it waits after the disk refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// The thread; it ends when it is told to, and then every session is in its file.
pub(crate) struct Keeper {
    sessions: Arc<Sessions>,
    thread: Option<JoinHandle<Vec<String>>>,
}

impl Keeper {
    /// Starts the thread, if there is a folder for it.
    ///
    /// # Errors
    /// If the system starts no thread.
    pub(crate) fn start(sessions: &Arc<Sessions>) -> io::Result<Keeper> {
        let kept = Arc::clone(sessions);
        let thread = match &sessions.folder {
            None => None,
            Some(_) => {
                let thread = thread::Builder::new().name("keeper".to_owned());
                Some(thread.spawn(move || kept.keep())?)
            }
        };
        let sessions = Arc::clone(sessions);
        Ok(Keeper { sessions, thread })
    }

    /// Ends it; gives what was wrong with each session that could not be saved.
    pub(crate) fn end(mut self) -> Vec<String> {
        self.sessions.all().ends = true;
        self.sessions.changed.notify_all();
        let thread = self.thread.take();
        thread.map_or_else(Vec::new, |thread| thread.join().unwrap_or_default())
    }
}

impl Sessions {
    /// Moves sessions to files as long as memory is short, until the end; gives what was wrong with those that could not
    /// be saved then.
    fn keep(&self) -> Vec<String> {
        let mut told = None;
        loop {
            let mut all = self.all();
            while all.bytes <= self.limit && !all.ends {
                let woken = self.changed.wait(all);
                all = woken.unwrap_or_else(PoisonError::into_inner);
            }
            if mem::take(&mut all.ends) {
                drop(all);
                return self.save_all();
            }
            drop(all);
            match self.move_one() {
                Ok(true) => told = None,
                Ok(false) => thread::sleep(PATIENCE),
                Err(error) => {
                    // It is tried again and again, and said once.
                    if told.as_ref() != Some(&error.message) {
                        log::note(self.log, "not saved", &error.message);
                    }
                    told = Some(error.message);
                    thread::sleep(PATIENCE);
                }
            }
        }
    }

    /// Moves sessions to their files while there is no room for another; gives why that ended before there was.
    pub(super) fn make_room(&self) -> Option<ApiError> {
        while self.folder.is_some() && self.all().bytes >= self.limit {
            match self.move_one() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(error),
            }
        }
        None
    }

    /// Moves the session that was not used for longest to its file; false if there is none that can be moved now.
    fn move_one(&self) -> Result<bool, ApiError> {
        let oldest = {
            let all = self.all();
            let idle = all
                .by_name
                .iter()
                .filter(|(_, s)| !s.busy && s.conversation.is_some());
            let oldest = idle.min_by_key(|(_, slot)| slot.used);
            oldest.map(|(id, slot)| (id.clone(), slot.saved))
        };
        let Some((id, is_saved)) = oldest else {
            return Ok(false);
        };
        if !is_saved {
            self.save(&id)?;
        }
        Ok(self.let_go(&id))
    }

    /// Frees the memory of a session that is in its file.
    fn let_go(&self, id: &str) -> bool {
        let mut all = self.all();
        let Some(slot) = all.by_name.get_mut(id) else {
            return false;
        };
        if slot.busy || !slot.saved {
            return false;
        }
        let freed = slot.conversation.take();
        all.bytes -= freed.map_or(0, |conversation| conversation.bytes());
        true
    }

    fn save_all(&self) -> Vec<String> {
        let all = self.all();
        let unsaved = all
            .by_name
            .iter()
            .filter(|(_, s)| s.conversation.is_some() && !s.saved);
        let unsaved: Vec<String> = unsaved.map(|(id, _)| id.clone()).collect();
        drop(all);
        let fault = |id: &String| self.save(id).err().map(|error| error.message);
        unsaved.iter().filter_map(fault).collect()
    }
}
