/**
 * Checks of the DOM parts in a real browser, under the content security policy of ztor: open browser.test.html.
 *
 * The title of the page ends with "passed" or "failed". The report lists all checks and the measured figures.
 */

import './templates.js';
import './widgets.js';
import { runChecks } from './harness.js';

await runChecks();
