//! How does a sign-in go on in another process than the one that began it?

use std::sync::Arc;

use mcp_oauth_core::{
    CallbackText, Event, Ignored, Machine, OpenUrl, Outcome, Secret, SecretBytes, StoreKey,
};

use super::Driver;
use crate::agent::NeedsUser;
use crate::error::Error;

impl Driver {
    /// Begins a sign-in with a machine of its own, and leaves it pending.
    pub(crate) async fn begin_apart(&self) -> Result<Option<Box<OpenUrl>>, Error> {
        let config = Arc::clone(&self.surroundings.config);
        let apart = self.beside(Machine::new(config, &self.surroundings.account));
        match apart.settle(super::Errand::SignIn).await {
            Ok(_) => {
                self.look().await?;
                Ok(None)
            }
            Err(Error::NeedsUser { page, .. }) => Ok(Some(page)),
            Err(error) => Err(error),
        }
    }

    /// Takes up the pending sign-in of a callback, and ends it.
    pub(crate) async fn finish_apart(&self, callback_url: &Secret) -> Result<(), Error> {
        let callback = CallbackText::Url(callback_url.expose());
        let key = StoreKey::of_callback(callback).ok_or(Error::UnknownSignIn)?;
        let record = self.load(&key).await?.ok_or(Error::UnknownSignIn)?;
        let surroundings = &self.surroundings;
        let config = Arc::clone(&surroundings.config);
        let machine = Machine::resume(config, &surroundings.account, record.expose())
            .map_err(|_| Error::UnknownSignIn)?;
        let apart = self.beside(machine);
        let mut calls = apart.calls.subscribe();
        let mut flow = apart.flow.lock().await;
        match apart.tell(Event::Callback(callback)) {
            Ok(Outcome::Advanced) => apart.run(&mut flow, &mut calls).await?,
            _ => return Err(Error::UnknownSignIn),
        }
        self.look().await
    }

    /// Tells the machine what the store holds, and goes on with what it makes of it.
    pub(crate) async fn look(&self) -> Result<(), Error> {
        let key = self.machine().grant_key().clone();
        let record = self.load(&key).await?;
        let record = record.as_ref().map(SecretBytes::expose);
        let outcome = self.tell(Event::StoreChanged { record });
        if let Ok(Outcome::Ignored(Ignored::NothingToDo | Ignored::Outdated)) | Err(_) = outcome {
            return Ok(());
        }
        self.calls.send_modify(|calls| calls.changes += 1);
        // Where nobody carries out what comes next, that is done here, and what it came to is told.
        if let Ok(mut flow) = self.flow.try_lock() {
            let mut calls = self.calls.subscribe();
            self.run(&mut flow, &mut calls).await?;
        }
        Ok(())
    }

    /// A driver of another machine for the same account and server, which shows nobody anything.
    fn beside(&self, machine: Machine) -> Self {
        Self::over(machine, Arc::new(NeedsUser), Arc::clone(&self.surroundings))
    }

    pub(super) async fn load(&self, key: &StoreKey) -> Result<Option<SecretBytes>, Error> {
        let loaded = self.surroundings.store.load(key).await;
        let record = loaded.map_err(Error::Unread)?;
        Ok(record.map(|record| record.body))
    }
}
