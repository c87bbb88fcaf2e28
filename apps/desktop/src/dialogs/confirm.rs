//! A question before something that cannot be undone.

use super::{Dialog, DialogCx, Outcome, footer};
use eframe::egui::{Label, Ui};
use ztor_client::Client;
use ztor_client::ClientError;

type Request =
    Box<dyn FnOnce(Client) -> std::pin::Pin<Box<dyn Future<Output = Result<(), ClientError>> + Send>>>;

/// A question.
pub(crate) struct ConfirmDialog {
    title: String,
    text: String,
    label: &'static str,
    done: String,
    request: Option<Request>,
}

impl std::fmt::Debug for ConfirmDialog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfirmDialog").field("title", &self.title).finish_non_exhaustive()
    }
}

impl ConfirmDialog {
    /// Creates it. `label` is that of the button, and `done` is told after `request` has succeeded.
    pub(crate) fn new<F>(
        title: impl Into<String>,
        text: impl Into<String>,
        label: &'static str,
        done: impl Into<String>,
        request: impl FnOnce(Client) -> F + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), ClientError>> + Send + 'static,
    {
        let request: Request = Box::new(move |client| Box::pin(request(client)));
        Self { title: title.into(), text: text.into(), label, done: done.into(), request: Some(request) }
    }
}

impl Dialog for ConfirmDialog {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut DialogCx<'_>) -> Outcome {
        ui.add(Label::new(&self.text).wrap());
        let mut outcome = Outcome::Stay;
        if footer(ui, self.label, true, true, &mut outcome)
            && let Some(request) = self.request.take()
            && let Some(cx) = cx.connected()
        {
            cx.jobs.begin(cx.front.tasks(), self.done.clone(), request);
        }
        outcome
    }
}
