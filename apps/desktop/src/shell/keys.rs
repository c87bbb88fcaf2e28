//! Keys of the list and of the window.

use super::topbar::{actions_id, search_id};
use crate::context::{Cx, Intent, Page};
use crate::dialogs::KeysDialog;
use crate::source;
use crate::table::{Step, Table};
use eframe::egui::{Context, Event, Key, Modifiers, Popup};
use ztor_view::command::Command;
use ztor_view::front::NoticeKind;
use ztor_view::selection::Mode;

/// Handles the keys of this frame. Nothing happens while a dialog is open or a text is edited.
///
/// `had_text` is true if a text was edited in the frame before: Escape ends that first.
pub(crate) fn handle(ctx: &Context, cx: &mut Cx<'_>, table: &mut Table, page: Page, had_text: bool) {
    let pressed = |modifiers, key| ctx.input_mut(|input| input.consume_key(modifiers, key));
    if wants_end(ctx) {
        cx.ask(Intent::Quit);
    }
    if pressed(Modifiers::COMMAND, Key::O) {
        cx.ask(Intent::Add(Vec::new()));
    }
    if pressed(Modifiers::COMMAND, Key::Comma) {
        cx.ask(Intent::Show(Page::Settings));
    }
    if page == Page::Torrents && pressed(Modifiers::COMMAND, Key::F) {
        ctx.memory_mut(|memory| memory.request_focus(search_id()));
    }
    if ctx.text_edit_focused() {
        // From the search to the list.
        if ctx.memory(|memory| memory.has_focus(search_id())) && pressed(Modifiers::NONE, Key::Enter) {
            table.focus(ctx);
        }
        return;
    }
    if had_text && ctx.input(|input| input.key_pressed(Key::Escape)) {
        return;
    }
    // Menus have keys of their own.
    if Popup::is_any_open(ctx) {
        return;
    }
    pasted(ctx, cx);
    if typed(ctx, "?") {
        cx.ask(Intent::Open(Box::new(KeysDialog)));
        return;
    }
    if page != Page::Torrents {
        if pressed(Modifiers::NONE, Key::Escape) {
            cx.ask(Intent::Show(Page::Torrents));
        }
        return;
    }
    if typed(ctx, "/") {
        ctx.memory_mut(|memory| memory.request_focus(search_id()));
    }
    // A button or another control that has the focus gets its keys.
    let is_elsewhere = ctx.memory(|memory| memory.focused()).is_some_and(|id| id != Table::id());
    for (key, command) in [
        (Key::Delete, Command::Remove),
        (Key::F2, Command::Rename),
        (Key::F3, Command::Start),
        (Key::F4, Command::Stop),
    ] {
        if pressed(Modifiers::NONE, key) {
            cx.ask(Intent::Run(command));
        }
    }
    if pressed(Modifiers::SHIFT, Key::F10) && cx.summary().count > 0 {
        Popup::open_id(ctx, actions_id());
    }
    if ctx.input(|input| input.events.iter().any(|event| matches!(event, Event::Copy))) {
        cx.ask(Intent::Run(Command::CopyMagnet));
    }
    if pressed(Modifiers::COMMAND, Key::A) {
        cx.front.select_all();
    }
    if pressed(Modifiers::NONE, Key::Escape) {
        if cx.front.details().id().is_some() {
            cx.front.details_mut().open(None);
        } else {
            table.leave(cx);
        }
    }
    if !is_elsewhere {
        steps(ctx, cx, table);
    }
}

/// Returns true if the key that ends the app was pressed.
pub(crate) fn wants_end(ctx: &Context) -> bool {
    ctx.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::Q))
}

/// Returns true if a character was typed, wherever it is on the keyboard. No text field gets it.
fn typed(ctx: &Context, character: &str) -> bool {
    ctx.input_mut(|input| {
        let before = input.events.len();
        input.events.retain(|event| !matches!(event, Event::Text(text) if text == character));
        input.events.len() < before
    })
}

fn steps(ctx: &Context, cx: &mut Cx<'_>, table: &mut Table) {
    let pressed = |modifiers, key| ctx.input_mut(|input| input.consume_key(modifiers, key));
    let keys = [
        (Key::ArrowUp, Step::Lines(-1)),
        (Key::ArrowDown, Step::Lines(1)),
        (Key::PageUp, Step::Pages(-1)),
        (Key::PageDown, Step::Pages(1)),
        (Key::Home, Step::First),
        (Key::End, Step::Last),
    ];
    let modes =
        [(Modifiers::SHIFT, Mode::Range), (Modifiers::COMMAND, Mode::Cursor), (Modifiers::NONE, Mode::Only)];
    for (key, step) in keys {
        for (modifiers, mode) in modes {
            if pressed(modifiers, key) {
                table.step(cx, step, mode);
            }
        }
    }
    if let Some(id) = cx.front.selection().cursor().filter(|_| cx.front.is_current()) {
        if pressed(Modifiers::NONE, Key::Space) {
            let order = cx.front.loaded_order();
            cx.front.selection_mut().put(id, Mode::Toggle, &order);
        }
        if pressed(Modifiers::NONE, Key::Enter) {
            cx.front.details_mut().open(Some(id));
        }
    }
}

/// Opens the dialog to add torrents with pasted links.
fn pasted(ctx: &Context, cx: &mut Cx<'_>) {
    let texts: Vec<String> = ctx.input(|input| {
        let pasted = |event: &Event| match event {
            Event::Paste(text) => Some(text.clone()),
            _ => None,
        };
        input.events.iter().filter_map(pasted).collect()
    });
    for text in texts {
        let (found, left_out) = source::in_text(&text);
        if left_out > 0 {
            cx.front.say(NoticeKind::Error, &source::too_many(left_out));
        }
        if !found.is_empty() {
            cx.ask(Intent::Add(found));
        }
    }
}
