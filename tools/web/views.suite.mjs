/** Flows that look at pages, in one process, so that they share a browser and a daemon. */

import './flows/base.test.mjs';
import './flows/list.test.mjs';
import './flows/looks.test.mjs';
import './flows/pages.test.mjs';
import './flows/phone.test.mjs';
