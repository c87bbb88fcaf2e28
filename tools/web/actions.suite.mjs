/** Flows that change torrents, in one process, so that they share a browser and a daemon. */

import './flows/add.test.mjs';
import './flows/firefox.test.mjs';
import './flows/keyboard.test.mjs';
import './flows/login.test.mjs';
import './flows/torrents.test.mjs';
import './flows/web_seeds.test.mjs';
