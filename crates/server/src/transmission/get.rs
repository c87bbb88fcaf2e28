//! `torrent-get`.

use super::State;
use super::dialect::{Args, Dialect};
use super::failure::{Code, Failure};
use super::fields::Field;
use super::ids::{Selection, select};
use super::json::Json;
use super::methods::Answer;
use super::values::Writer;
use serde_json::Value;
use std::sync::Arc;
use ztor_daemon::Row;

/// Answers with more values than this are written on a thread that may wait.
const LARGE: usize = 2000;
/// Expected length of a value in JSON.
const VALUE_BYTES: usize = 16;

impl State {
    /// Returns fields of torrents.
    pub(crate) async fn get(&self, args: &Args, dialect: Dialect) -> Answer {
        let names = args.list("fields").unwrap_or_default();
        if names.is_empty() {
            return Err(Failure::new(Code::Params, "no fields specified"));
        }
        let mut fields = Vec::new();
        for field in names.iter().filter_map(Value::as_str).filter_map(|name| Field::find(name, dialect)) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        let (table, changes) = self.foreign.recent();
        let (rows, removed) = match select(&table, args) {
            Selection::Rows(rows) => (rows, None),
            Selection::Recent => {
                let rows = table.rows().filter(|row| row.torrent.revision > changes.since).cloned();
                (rows.collect(), Some(changes.removed))
            }
        };
        let positions = fields.contains(&Field::QueuePosition).then(|| self.queue.positions(&table));
        drop(table);
        let lookups = self.look_up(&rows, &fields).await;
        let settings = Arc::clone(&self.foreign.daemon().settings_changes().borrow());
        let is_table = args.text("format") == Some("table");
        let is_large = rows.len().saturating_mul(fields.len()) > LARGE;
        let state = self.clone();
        let write = move || {
            let writer = Writer { dialect, settings, positions, lookups, tracker_ids: &state.tracker_ids };
            written(&writer, &rows, &fields, is_table, removed)
        };
        if !is_large {
            return Ok(write());
        }
        // Fails only if the semaphore is closed, which never happens.
        let _turn = self.writers.acquire().await;
        tokio::task::spawn_blocking(write)
            .await
            .map_err(|error| Failure::new(Code::System, error.to_string()))
    }
}

fn written(
    writer: &Writer<'_>,
    rows: &[Arc<Row>],
    fields: &[Field],
    is_table: bool,
    removed: Option<Vec<u64>>,
) -> Vec<u8> {
    let values = rows.len().saturating_mul(fields.len());
    let mut json = Json::with_capacity(values.saturating_mul(VALUE_BYTES).saturating_add(256));
    json.begin_object();
    if let Some(removed) = removed {
        json.key("removed");
        json.begin_list();
        removed.into_iter().for_each(|id| json.count(id));
        json.end_list();
    }
    json.key("torrents");
    json.begin_list();
    if is_table {
        json.texts(fields.iter().map(|field| field.key().name(writer.dialect)));
    }
    for row in rows {
        if is_table {
            json.begin_list();
            fields.iter().for_each(|field| writer.write(&mut json, row, *field));
            json.end_list();
        } else {
            json.begin_object();
            for field in fields {
                json.key(field.key().name(writer.dialect));
                writer.write(&mut json, row, *field);
            }
            json.end_object();
        }
    }
    json.end_list();
    json.end_object();
    json.into_bytes()
}
