//! Sessions in their files.

use super::{Conversation, Sessions, check_name, file};
use crate::error::ApiError;
use axum::http::StatusCode;
use std::path::PathBuf;
use std::sync::Arc;

impl Sessions {
    /// Writes a session to its file.
    pub(crate) fn save(&self, id: &str) -> Result<PathBuf, ApiError> {
        check_name(id)?;
        let Some(path) = self.path(id) else {
            let message = "no folder for sessions: start the server with --sessions DIR";
            return Err(ApiError::bad(message));
        };
        let _files = self.files();
        let conversation = self.get(id)?;
        let bytes = file::write(&conversation, self.model);
        atome::atomic_file::write(&path, &bytes).map_err(|error| {
            let full = StatusCode::INSUFFICIENT_STORAGE;
            ApiError::new(
                full,
                format!("session `{id}` is not saved: {}", error.cause),
            )
        })?;
        let mut all = self.all();
        if let Some(slot) = all.by_name.get_mut(id) {
            let now = slot.conversation.as_ref();
            slot.saved |= now.is_some_and(|now| Arc::ptr_eq(now, &conversation));
        }
        Ok(path)
    }

    pub(super) fn path(&self, id: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{id}.session")))
    }

    /// Sessions that have a file.
    pub(super) fn names_of_files(&self) -> Vec<String> {
        let folder = self.folder.as_ref().map(std::fs::read_dir);
        // A folder that cannot be read is spoken of when a session is.
        let Some(Ok(folder)) = folder else {
            return Vec::new();
        };
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let id = name.strip_suffix(".session")?;
            check_name(id).is_ok().then(|| id.to_owned())
        };
        folder.filter_map(name).collect()
    }

    /// The session in a file, if there is one.
    pub(super) fn read(&self, id: &str) -> Result<Option<Conversation>, ApiError> {
        let Some(path) = self.path(id) else {
            return Ok(None);
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => {
                let message = format!("the file of session `{id}` cannot be read: {cause}");
                return Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message));
            }
        };
        let read = file::read(&bytes, self.model, self.state_bytes);
        let damaged = |fault| {
            let message = format!("the file of session `{id}`: {fault}");
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, message)
        };
        read.map(Some).map_err(damaged)
    }
}
