/** German messages of adding, creating and changing torrents. */

/** @import { Translated } from '../../i18n.js' */

import { plural } from '../plural.js';

const n = plural('de');

/** @type {Translated<typeof import('../en/add.js').default>} */
export default {
  'add.sources': 'Hinzuzufügende Torrents',
  'add.drop_hint': 'Oder Dateien, Ordner und Links irgendwo auf die Seite ziehen.',
  'add.nothing': 'Es gibt nichts hinzuzufügen. Bitte einen Link einfügen oder eine Torrent-Datei auswählen.',
  'add.drop_source': ({ name }) => `${name} weglassen`,
  'add.repeated': ({ count }, f) =>
    n(count, f, { one: '# Quelle war bereits vorhanden', other: '# Quellen waren bereits vorhanden' }),
  'add.cut': 'Es werden nur die ersten 1.000 Quellen übernommen.',
  'add.preview': 'Vorschau',
  'add.show_preview': 'Vorschau anzeigen',
  'add.no_preview': 'Noch ohne Vorschau',
  'add.waiting_hint': 'Die Vorschau wurde noch nicht geladen. Der Torrent lässt sich auch ohne sie hinzufügen.',
  'add.reading': 'Torrent-Datei wird gelesen',
  'add.fetching': 'Metadaten werden von Peers geladen',
  'add.fetching_hint':
    'Das kann eine Minute dauern. Wer nicht wartet und den Torrent jetzt hinzufügt, wählt alle Dateien aus.',
  'add.error_hint': 'Der Torrent lässt sich trotzdem hinzufügen; der Daemon versucht es weiter.',
  'add.adding': 'Wird hinzugefügt',
  'add.facts': ({ count, size }, f) => `${size} in ${n(count, f, { one: '# Datei', other: '# Dateien' })}`,
  'add.pieces': ({ count, size }, f) => `${n(count, f, { one: '# Teil', other: '# Teile' })} zu je ${size}`,
  'add.trackers_of': ({ count }, f) => n(count, f, { other: '# Tracker' }),
  'add.created': ({ date }) => `erstellt am ${date}`,
  'add.private': 'Privat',
  'add.private_hint': 'Die Peers dieses Torrents kommen nur von seinen eigenen Trackern.',
  'add.known': 'In der Liste',
  'add.twin': ({ name }) => `Derselbe Torrent wie ${name}: Seine Tracker werden dort ergänzt`,
  'add.left_out': 'Wird weggelassen, da er schon in der Liste ist',
  'add.merge': 'Seine Tracker und die Tags beim Torrent in der Liste ergänzen',
  'add.merge_hint': 'Sonst ändert sich nichts. Vorhandene Tracker bleiben, wie sie sind.',
  'add.merge_private': 'Der Torrent ist privat: Nur die Tags werden ergänzt.',
  'add.show': 'In der Liste anzeigen',
  'add.submit_merge': ({ count }, f) => n(count, f, { one: '# Torrent ergänzen', other: '# Torrents ergänzen' }),
  'add.merged': ({ count }, f) => n(count, f, {
    one: '# war bereits in der Liste; Tracker und Tags wurden ergänzt',
    other: '# waren bereits in der Liste; Tracker und Tags wurden ergänzt',
  }),
  'add.some_failed': ({ count }, f) => n(count, f, {
    one: '# Torrent wurde nicht hinzugefügt. Der Grund steht daneben.',
    other: '# Torrents wurden nicht hinzugefügt. Die Gründe stehen daneben.',
  }),

  'unused.label': 'Nicht nutzbar',
  'unused.text': 'Das ist weder Link noch Info-Hash noch URL.',
  'unused.page': 'Diese URL in einem Text führt wohl zu keiner Torrent-Datei. Allein eingefügt wird sie übernommen.',
  'unused.scheme': 'Nur Links mit magnet, http und https sind nutzbar.',
  'unused.local': 'Die Seite kann keinen Pfad lesen. Bitte die Datei herziehen oder auswählen.',
  'unused.no_hash': 'Der Magnet-Link enthält keinen Info-Hash von BitTorrent.',
  'unused.bad_hash': 'Ein Info-Hash hat 40 hexadezimale oder 32 Base32-Ziffern, bei v2 sind es 64.',
  'unused.bad_url': 'Diese URL ist unvollständig.',
  'unused.too_long': 'Dieser Link ist zu lang.',
  'unused.empty': 'Die Datei ist leer.',
  'unused.too_large': 'Die Datei ist größer als 64 MiB, oder sie ist ein Text von mehr als 4 MiB.',
  'unused.unknown': 'Das ist keine Torrent-Datei.',
  'unused.unreadable': 'Der Browser kann die Datei nicht lesen.',

  'file_choice.label': 'Dateien zum Herunterladen',
  'file_choice.filter': 'Dateien filtern',
  'file_choice.all': 'Alle wählen',
  'file_choice.none': 'Keine wählen',
  'file_choice.no_match': 'Keine Datei passt zum Filter.',
  'file_choice.chosen': ({ count, total, size }, f) => n(count, f, { other: `# von ${total} Dateien, ${size}` }),
  'file_choice.chosen_free': ({ count, total, size, free }, f) =>
    n(count, f, { other: `# von ${total} Dateien, ${size}; ${free} frei auf dem Datenträger` }),

  'add_options.category_new': 'Diese Kategorie wird angelegt.',
  'add_options.category_fault': 'Bitte Namen mit Schrägstrichen dazwischen schreiben, etwa linux/debian.',
  'add_options.more': 'Weitere Optionen',
  'add_options.changed': ({ count }, f) => n(count, f, { other: '# gesetzt' }),
  'add_options.name': 'Name in der Liste',
  'add_options.name_hint': 'Ein leeres Feld bedeutet: der Name des Torrents. Die Dateien behalten ihre Namen.',
  'add_options.trackers': 'Weitere Tracker',
  'add_options.trackers_hint': 'Announce-URLs, je eine Zeile. Private Torrents sollten nur ihre eigenen haben.',
  'add_options.overwrite': 'Dateien ersetzen, die im Weg sind',
  'add_options.overwrite_hint':
    'Sonst hält der Torrent mit einem Fehler an, wenn andere Dateien dieselben Namen haben.',

  'path_field.recent': 'zuletzt verwendet',
  'path_field.missing': 'Dieser Ordner existiert noch nicht und wird angelegt.',
  'path_field.read_only': 'Der Daemon darf in diesen Ordner nicht schreiben.',
  'path_field.free': ({ size }) => `${size} frei.`,
  'path_field.short': ({ needed, free }) =>
    `Der Platz könnte nicht reichen: ${needed} werden gebraucht, ${free} sind frei.`,

  'tag_edit.placeholder': 'Tag hinzufügen',
  'tag_edit.remove': ({ name }) => `Tag ${name} entfernen`,
  'tag_edit.bad': ({ name }) => `${name} kann kein Tag sein.`,
  'tag_edit.title': ({ count }, f) => n(count, f, { one: 'Tags von # Torrent', other: 'Tags von # Torrents' }),
  'tag_edit.find': 'Tag suchen oder anlegen',
  'tag_edit.find_hint': 'Name, dann Eingabetaste',
  'tag_edit.new': 'neu',
  'tag_edit.some': ({ count }, f) => n(count, f, { other: 'bei # davon' }),
  'tag_edit.none': 'Es gibt noch keine Tags. Ein Name legt eins an.',

  'change.loading': 'Wird geladen',
  'change.more': ({ count }, f) => n(count, f, { one: 'und # weiterer', other: 'und # weitere' }),
  'change.mixed': 'Die Torrents unterscheiden sich; alle ihre Werte werden ersetzt.',
  'change.mixed_short': 'Verschiedene Werte',

  'remove.files': 'Was mit den Dateien geschieht',
  'remove.keep_hint': 'Nur die Liste ändert sich. Das lässt sich rückgängig machen.',
  'remove.keep_many': 'Nur die Liste ändert sich.',
  'remove.trash_hint': 'Sie kommen in den Papierkorb-Ordner der Einstellungen.',
  'remove.delete_hint': 'Gibt den Platz auf dem Datenträger frei.',
  'remove.no_trash': 'Für den Papierkorb bitte in den Einstellungen einen Ordner dafür festlegen.',
  'remove.submit_delete': 'Dateien löschen',
  'remove.confirm_title': 'Dateien endgültig löschen?',
  'remove.confirm_one': ({ name, size }) =>
    `${name} verlässt die Liste, und die Dateien (${size}) werden gelöscht. Sie lassen sich nicht wiederherstellen.`,
  'remove.confirm_many': ({ count, size }, f) => n(count, f, {
    one: `# Torrent verlässt die Liste, und die Dateien (${size}) werden gelöscht. `
      + 'Sie lassen sich nicht wiederherstellen.',
    other: `# Torrents verlassen die Liste, und die Dateien (${size}) werden gelöscht. `
      + 'Sie lassen sich nicht wiederherstellen.',
  }),
  'remove.confirm_all': ({ count }, f) => n(count, f, {
    one: '# Torrent verlässt die Liste, und die Dateien werden gelöscht. Sie lassen sich nicht wiederherstellen.',
    other: '# Torrents verlassen die Liste, und die Dateien werden gelöscht. Sie lassen sich nicht wiederherstellen.',
  }),
  'remove.done_keep': ({ count }, f) =>
    n(count, f, { one: '# Torrent entfernt, die Dateien bleiben', other: '# Torrents entfernt, die Dateien bleiben' }),
  'remove.done_trash': ({ count }, f) => n(count, f, {
    one: '# Torrent entfernt, die Dateien kommen in den Papierkorb',
    other: '# Torrents entfernt, die Dateien kommen in den Papierkorb',
  }),
  'remove.done_delete': ({ count }, f) =>
    n(count, f, { one: '# Torrent mit den Dateien entfernt', other: '# Torrents mit den Dateien entfernt' }),
  'remove.restored': ({ count }, f) =>
    n(count, f, { one: '# Torrent ist wieder da', other: '# Torrents sind wieder da' }),
  'remove.restore_failed': ({ count, message }, f) => `${n(count, f, {
    one: '# Torrent konnte nicht wiederhergestellt werden', other: '# Torrents konnten nicht wiederhergestellt werden',
  })}: ${message}`,

  'move.mixed': 'Die Dateien liegen in verschiedenen Ordnern.',
  'move.hint': 'Die Torrents laufen beim Verschieben weiter. Ein fehlender Ordner wird angelegt.',
  'rename.heading': 'Torrent umbenennen',
  'rename.control': 'Ein Name enthält keine Steuerzeichen.',
  'rename.too_long': 'Dieser Name ist zu lang.',
  'category_edit.title': ({ count }, f) =>
    n(count, f, { one: 'Kategorie von # Torrent', other: 'Kategorie von # Torrents' }),
  'category_edit.hint': 'Die Dateien bleiben, wo sie sind. Ein leeres Feld bedeutet: ohne Kategorie.',
  'category_edit.manage': 'Kategorien verwalten',

  'goal_edit.title': ({ count }, f) => n(count, f, { one: 'Ziele von # Torrent', other: 'Ziele von # Torrents' }),
  'goal_edit.legend': 'Ziele beim Verteilen',
  'goal_edit.ratio': 'Verhältnis',
  'goal_edit.seeding_s': 'Dauer des Verteilens',
  'goal_edit.idle_s': 'Dauer ohne Upload',
  'goal_edit.inherit': 'Wie in der Kategorie oder den Einstellungen',
  'goal_edit.inherit_above': 'Wie in der Kategorie darüber oder den Einstellungen',
  'goal_edit.inherit_settings': 'Wie in den Einstellungen',
  'goal_edit.unlimited': 'Kein Ziel',
  'goal_edit.at': 'Erreicht bei',
  'goal_edit.ratio_fault': 'Bitte eine Zahl eingeben, zum Beispiel 1,5.',
  'goal_edit.action': 'Beim ersten erreichten Ziel',
  'goal_edit.action_stop': 'Torrent anhalten',
  'goal_edit.action_remove': 'Torrent entfernen, Dateien behalten',
  'goal_edit.action_remove_with_data': 'Torrent entfernen und Dateien löschen',
  'goal_edit.data_lost': 'Beim Erreichen eines Ziels werden die Dateien ohne Rückfrage gelöscht.',
  'goal_edit.mixed': 'Die Torrents haben verschiedene Ziele; diese ersetzen sie alle.',
  'goal_edit.for_all': 'Diese Ziele ersetzen die bisherigen der Torrents.',

  'tracker_edit.title':
    ({ count }, f) => n(count, f, { one: 'Tracker von # Torrent', other: 'Tracker von # Torrents' }),
  'tracker_edit.urls': 'Announce-URLs',
  'tracker_edit.tiers_hint':
    'Je eine Zeile. Eine Leerzeile beginnt eine Stufe, die gefragt wird, wenn die darüber nicht antworten.',
  'tracker_edit.bad': ({ url }) => `${url} ist keine Announce-URL mit http, https, udp, ws oder wss.`,
  'tracker_edit.add': 'Bei allen hinzufügen',
  'tracker_edit.present': 'Vorhandene Tracker',
  'tracker_edit.present_hint': 'Eine geänderte URL wird ersetzt, eine geleerte entfernt.',
  'tracker_edit.url': ({ url }) => `Announce-URL ${url}`,
  'tracker_edit.on': ({ count, total }, f) => n(count, f, { other: `bei # von ${total}` }),
  'tracker_edit.remove': 'Diesen Tracker entfernen',
  'tracker_edit.is_removed': 'wird entfernt',
  'tracker_edit.is_replaced': 'wird ersetzt',
  'tracker_edit.too_many': ({ count }, f) => n(count, f, {
    other: 'Bei # Torrents auf einmal lassen sich Tracker nur hinzufügen. Für mehr bitte weniger auswählen.',
  }),
  'tracker_edit.reading': ({ count, total }, f) => n(count, f, { other: `# von ${total} gelesen` }),

  'peer_add.title': ({ count }, f) =>
    n(count, f, { one: 'Peers zu # Torrent hinzufügen', other: 'Peers zu # Torrents hinzufügen' }),
  'peer_add.label': 'Adressen von Peers',
  'peer_add.hint': 'IP-Adresse und Port, je eine Zeile.',
  'peer_add.bad': ({ peer }) => `${peer} ist keine IP-Adresse mit Port.`,
  'peer_add.submit': 'Peers hinzufügen',

  'create.title': 'Torrent erstellen',
  'create.submit': 'Erstellen',
  'create.path': 'Datei oder Ordner auf dem Server',
  'create.path_hint': 'Alle Dateien des Ordners kommen in den Torrent.',
  'create.format': 'Torrent-Version',
  'create.hybrid': 'Hybrid, v1 und v2',
  'create.hybrid_hint': 'Für jedes Programm; solche mit v2 prüfen jede Datei für sich.',
  'create.v1': 'Nur v1',
  'create.v1_hint': 'Für jedes Programm, ohne Füllung zwischen den Dateien.',
  'create.v2': 'Nur v2',
  'create.v2_hint': 'Nur für neuere Programme.',
  'create.trackers': 'Announce-URLs von Trackern',
  'create.private': 'Privat machen',
  'create.private_hint': 'Peers kommen nur von den Trackern, ohne DHT und ohne Austausch von Peers.',
  'create.seed': 'In die Liste aufnehmen und verteilen',
  'create.seed_hint': 'Von dort, wo die Dateien liegen.',
  'create.piece_size': 'Größe der Teile',
  'create.piece_auto': 'Automatisch',
  'create.piece_hint': 'Die Automatik strebt 2.000 Teile an.',
  'create.comment': 'Kommentar',
  'create.source': 'Quelle',
  'create.source_hint': 'Name der Website, falls sie ihn verlangt. Er ändert den Info-Hash.',
  'create.web_seeds': 'Webseeds',
  'create.web_seeds_hint': 'URLs, unter denen dieselben Dateien liegen, je eine Zeile.',
  'create.web_seed_fault': ({ url }) => `${url} ist keine URL mit http oder https.`,
  'create.ignore': 'Dateien, die wegbleiben',
  'create.ignore_hint': 'Muster wie *.tmp, je eine Zeile.',
  'create.hidden': 'Versteckte Dateien aufnehmen',
  'create.jobs': 'Hier erstellt',
  'create.none': 'Noch nichts erstellt',
  'create.none_hint':
    'Bitte eine Datei oder einen Ordner wählen. Der Server berechnet die Hashes; der Fortschritt erscheint hier.',
  'create.hashing': ({ part, size }) => `${part} von ${size} berechnet`,
  'create.done': 'Erstellt',
  'create.done_added': 'Erstellt und in die Liste aufgenommen',
  'create.download': 'Torrent-Datei sichern',
  'create.forget': 'Von dieser Liste nehmen',

  'handlers.title': 'Links und Dateien mit ztor öffnen',
  'handlers.magnet': 'Magnet-Links',
  'handlers.magnet_hint': 'Ein Klick auf einen Magnet-Link auf irgendeiner Seite öffnet den Dialog zum Hinzufügen.',
  'handlers.magnet_do': 'ztor für Magnet-Links verwenden',
  'handlers.magnet_asked':
    'Der Browser fragt nach der Erlaubnis. In seinen Einstellungen lässt sie sich zurücknehmen.',
  'handlers.magnet_missing':
    'Dieser Browser kann Magnet-Links nicht weitergeben. Stattdessen hilft die installierte App.',
  'handlers.files': 'Torrent-Dateien und die App',
  'handlers.files_hint': 'Die installierte App hat ein eigenes Fenster, und das System öffnet Torrent-Dateien mit ihr.',
  'handlers.install_do': 'App installieren',
  'handlers.install_menu':
    'Zum Installieren im Menü des Browsers „Installieren“ oder „Zum Startbildschirm hinzufügen“ wählen.',
  'handlers.installed':
    'Die App ist installiert. In den Einstellungen des Systems lässt sie sich für Torrent-Dateien wählen.',
  'handlers.insecure': 'Unter dieser Adresse nicht möglich.',
  'handlers.insecure_hint': 'Browser erlauben das nur bei Seiten über HTTPS oder von localhost. Dazu ztor hinter einen '
    + 'Proxy mit HTTPS stellen, oder einen Tunnel wie ssh -L nutzen.',
};
