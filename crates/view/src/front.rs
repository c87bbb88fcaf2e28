//! State of a front end that is connected to a daemon: the list in view, selection, details, commands and notices.
//!
//! A front end that draws calls [`Front::tick`] before each frame, and draws again when it is woken. Nothing here waits.

mod details;
mod notices;

pub use details::{Details, Tab};
pub use notices::{Notice, NoticeKind};

use crate::command::{Command, Summary, terms};
use crate::filter::View;
use crate::selection::Selection;
use crate::window::Window;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ztor_api::{Action, ActionResult, AddRequest, AddResult, Added, Category, ListQuery, Tag, Torrent};
use ztor_client::live::{Live, LiveState, Snapshot};
use ztor_client::tasks::{Loaded, Pending, Tasks};
use ztor_client::{Client, ClientError};

use notices::Notices;

/// Interval of the categories and tags, which other front ends may change.
const LABELS_EVERY: Duration = Duration::from_secs(30);
/// Largest number of actions that wait for the one before, and of additions under way. More are refused.
const MOST_WAITING: usize = 100;

/// State of a front end.
#[derive(Debug)]
pub struct Front {
    tasks: Tasks,
    live: Live,
    snapshot: Arc<Snapshot>,
    view: View,
    /// Rows in view: the index of the first, and their number.
    in_view: (usize, usize),
    window: Window,
    selection: Selection,
    details: Details,
    notices: Notices,
    /// Action that is carried out, with its label, and those that wait for it: their order matters.
    action: Option<(Pending<ActionResult>, &'static str)>,
    waiting: VecDeque<(Request, &'static str)>,
    additions: Vec<Pending<AddResult>>,
    /// Ids of the whole list, to select all of it or to deselect what has left it.
    ids: Option<(Pending<Vec<u64>>, IdsFor)>,
    categories: Loaded<Vec<Category>>,
    tags: Loaded<Vec<Tag>>,
    /// Number of torrents at the last look: fewer of them may mean that selected ones are gone.
    last_all: usize,
}

/// A request for an action that has not begun.
struct Request(Box<Begin>);
type Begin = dyn FnOnce(&Tasks) -> Pending<ActionResult> + Send;

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Request")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IdsFor {
    Selecting,
    Keeping,
}

impl Front {
    /// Connects to a daemon.
    pub fn new(tasks: Tasks, view: View) -> Self {
        let window = Window::around(0, 0);
        let wake = Arc::clone(tasks.wake());
        let live = Live::start(tasks.client(), window.of(view.query()), tasks.runtime(), move || wake());
        Self {
            snapshot: live.snapshot(),
            tasks,
            live,
            view,
            in_view: (0, 0),
            window,
            selection: Selection::default(),
            details: Details::default(),
            notices: Notices::default(),
            action: None,
            waiting: VecDeque::new(),
            additions: Vec::new(),
            ids: None,
            categories: Loaded::default(),
            tags: Loaded::default(),
            last_all: 0,
        }
    }

    /// Takes over what has arrived. Returns the time after which the front end has to call it again without being woken;
    /// `None` if that is not necessary.
    pub fn tick(&mut self) -> Option<Duration> {
        self.snapshot = self.live.snapshot();
        self.poll_actions();
        self.poll_additions();
        self.poll_ids();
        self.notice_losses();
        let mut due = self.notices.expire(Instant::now());
        if matches!(self.snapshot.state, LiveState::Live) {
            self.categories.refresh(
                &self.tasks,
                LABELS_EVERY,
                |client| async move { client.categories().await },
            );
            self.tags.refresh(&self.tasks, LABELS_EVERY, |client| async move { client.tags().await });
            due = earlier(due, self.details.refresh(&self.tasks));
        }
        due
    }

    /// Returns the list as it is now.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Returns the requests in the background.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Returns filters and sort order.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Changes filters or sort order. Another list is shown from its start; with other filters nothing is selected, as
    /// torrents that are not in the list must not be acted on unseen.
    pub fn change_view(&mut self, change: impl FnOnce(&mut View)) {
        let before = self.view.clone();
        change(&mut self.view);
        if self.view == before {
            return;
        }
        let unsorted = |view: &View| ListQuery { sort: Vec::new(), ..view.query() };
        if unsorted(&self.view) != unsorted(&before) {
            self.selection = Selection::default();
            self.ids = None;
        }
        self.in_view.0 = 0;
        self.window = Window::around(0, self.in_view.1);
        self.follow();
    }

    /// Requests the rows in view: `count` from the index `first` on.
    pub fn show_rows(&mut self, first: usize, count: usize) {
        self.in_view = (first, count);
        if !self.window.covers(first, count, self.snapshot.total.max(1)) {
            let window = Window::around(first, count);
            if window != self.window {
                self.window = window;
                self.follow();
            }
        }
    }

    fn follow(&self) {
        self.live.follow(self.window.of(self.view.query()));
    }

    /// Returns true if the rows are those of the present filters and sort order. Until then they belong to the list
    /// before, and must not be acted on.
    pub fn is_current(&self) -> bool {
        self.snapshot.problem.is_none() && self.snapshot.is_of(&self.live.query())
    }

    /// Connects now, or checks the connection.
    pub fn retry(&self) {
        self.live.retry();
    }

    /// Returns the selection.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Returns the selection, for changes.
    pub fn selection_mut(&mut self) -> &mut Selection {
        &mut self.selection
    }

    /// Returns the ids of the loaded rows in order, which a range needs.
    pub fn loaded_order(&self) -> Vec<u64> {
        self.snapshot.rows.iter().map(|row| row.id).collect()
    }

    /// Selects all torrents of the list, as soon as their ids are known.
    pub fn select_all(&mut self) {
        if self.is_current() && self.snapshot.rows.len() == self.snapshot.total {
            self.selection.set(self.snapshot.rows.iter().map(|row| row.id));
        } else {
            self.request_ids(IdsFor::Selecting);
        }
    }

    fn request_ids(&mut self, purpose: IdsFor) {
        let query = ListQuery { ids_only: true, ..self.view.query() };
        let request = |client: Client| async move { Ok(client.list(&query).await?.ids.unwrap_or_default()) };
        self.ids = Some((self.tasks.ask(request), purpose));
    }

    fn poll_ids(&mut self) {
        let Some((pending, purpose)) = &mut self.ids else { return };
        let Some(result) = pending.poll() else { return };
        match (result, *purpose) {
            (Ok(ids), IdsFor::Selecting) => self.selection.set(ids),
            (Ok(ids), IdsFor::Keeping) => self.selection.keep(&ids.into_iter().collect::<BTreeSet<_>>()),
            (Err(error), IdsFor::Selecting) => self.fail(&error),
            // An action on them will say what is wrong.
            (Err(_), IdsFor::Keeping) => {}
        }
        self.ids = None;
    }

    /// Looks for selected torrents that are gone, after some have been removed.
    fn notice_losses(&mut self) {
        let all = self.snapshot.counts.as_ref().map_or(0, |counts| counts.all);
        let has_lost = all < self.last_all;
        self.last_all = all;
        if has_lost && self.ids.is_none() && (self.selection.cursor().is_some() || !self.selection.is_empty())
        {
            self.request_ids(IdsFor::Keeping);
        }
        let details = self.details.id();
        if has_lost && details.is_some_and(|id| self.snapshot.torrent(id).is_none()) {
            self.details.expire();
        }
    }

    /// Returns facts about the torrents that commands act on.
    pub fn summary(&self) -> Summary {
        let targets = self.selection.targets();
        let loaded: Vec<&Torrent> =
            targets.iter().filter_map(|id| self.snapshot.torrent(*id)).map(|row| &**row).collect();
        Summary::of(loaded, targets.len())
    }

    /// Runs a command on the selected torrents. Returns false if the user has to say more first.
    pub fn run(&mut self, command: Command) -> bool {
        let summary = self.summary();
        if !command.can_run(&summary) {
            return true;
        }
        let Some(action) = command.action(&summary) else { return false };
        self.act(self.selection.targets(), action, command.label());
        true
    }

    /// Asks the daemon for an action. `label` names it if it fails.
    pub fn act(&mut self, ids: Vec<u64>, action: Action, label: &'static str) {
        if ids.is_empty() {
            return;
        }
        let terms = terms(ids);
        self.act_by(label, |client| async move { client.act(terms, action).await });
    }

    /// Makes requests that end in an action, after those before. `label` names it if it fails.
    pub fn act_by<F>(&mut self, label: &'static str, request: impl FnOnce(Client) -> F + Send + 'static)
    where
        F: Future<Output = Result<ActionResult, ClientError>> + Send + 'static,
    {
        if self.waiting.len() >= MOST_WAITING {
            return self
                .notices
                .add(NoticeKind::Error, &format!("{label}: the daemon has not answered those before"));
        }
        self.waiting.push_back((Request(Box::new(|tasks| tasks.ask(request))), label));
        self.begin_action();
    }

    fn begin_action(&mut self) {
        if self.action.is_none()
            && let Some((Request(begin), label)) = self.waiting.pop_front()
        {
            self.action = Some((begin(&self.tasks), label));
        }
    }

    fn poll_actions(&mut self) {
        let Some((pending, label)) = &mut self.action else { return };
        let (Some(result), label) = (pending.poll(), *label) else { return };
        self.action = None;
        match result {
            Ok(result) => self.report(&result, label),
            Err(error) => self.fail(&error),
        }
        self.categories.expire();
        self.tags.expire();
        self.details.expire();
        self.begin_action();
    }

    fn report(&mut self, result: &ActionResult, label: &'static str) {
        let of = |count: usize| crate::format::Count(count, "torrent").to_string();
        let label = label.trim_end_matches('…');
        if let Some(failed) = result.failed.first() {
            let text = format!("{label}: failed for {}: {}", of(result.failed.len()), failed.problem.detail);
            self.notices.add(NoticeKind::Error, &text);
        } else if !result.under_way.is_empty() {
            self.notices
                .add(NoticeKind::Info, &format!("{label}: under way for {}", of(result.under_way.len())));
        } else {
            self.notices.add(NoticeKind::Info, &format!("{label}: done for {}", of(result.done.len())));
        }
    }

    /// Returns true while actions or additions are under way.
    pub fn is_busy(&self) -> bool {
        self.action.is_some() || !self.waiting.is_empty() || !self.additions.is_empty()
    }

    /// Adds torrents.
    pub fn add(&mut self, request: AddRequest) {
        if self.additions.len() >= MOST_WAITING {
            return self.notices.add(NoticeKind::Error, "Add: the daemon has not answered those before");
        }
        self.additions.push(self.tasks.ask(|client| async move { client.add(&request).await }));
    }

    fn poll_additions(&mut self) {
        let mut ended = Vec::new();
        self.additions.retain_mut(|pending| {
            pending.poll().is_none_or(|result| {
                ended.push(result);
                false
            })
        });
        for result in ended {
            match result {
                Ok(result) => result.results.iter().for_each(|added| self.report_added(added)),
                Err(error) => self.fail(&error),
            }
        }
    }

    fn report_added(&mut self, added: &Added) {
        match added {
            Added::Added { name, .. } => self.notices.add(NoticeKind::Info, &format!("Added {name}")),
            Added::Duplicate { name, .. } => {
                let text = format!("{name} was there already; new trackers and tags were added to it");
                self.notices.add(NoticeKind::Info, &text);
            }
            Added::Failed { problem } => self.notices.add(NoticeKind::Error, &problem.detail),
        }
    }

    /// Shows a failure.
    pub fn fail(&mut self, error: &ClientError) {
        self.notices.add(NoticeKind::Error, &error.to_string());
    }

    /// Shows a text.
    pub fn say(&mut self, kind: NoticeKind, text: &str) {
        self.notices.add(kind, text);
    }

    /// Returns the texts that are shown for some time.
    pub fn notices(&self) -> impl DoubleEndedIterator<Item = &Notice> {
        self.notices.iter()
    }

    /// Ends the display of a text.
    pub fn dismiss(&mut self, id: u64) {
        self.notices.dismiss(id);
    }

    /// Returns the details of one torrent.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Returns the details, for changes.
    pub fn details_mut(&mut self) -> &mut Details {
        &mut self.details
    }

    /// Requests categories and tags with the next tick, after a change of them.
    pub fn expire_labels(&mut self) {
        self.categories.expire();
        self.tags.expire();
    }

    /// Returns the categories, by path.
    pub fn categories(&self) -> &[Category] {
        self.categories.value().map_or(&[], Vec::as_slice)
    }

    /// Returns the tags.
    pub fn tags(&self) -> &[Tag] {
        self.tags.value().map_or(&[], Vec::as_slice)
    }
}

/// Returns the earlier of two times, of which each may be never.
fn earlier(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
