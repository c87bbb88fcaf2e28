/** German messages that the page needs at first. */

import core from './de/core.js';
import shell from './de/shell.js';
import table from './de/table.js';

export default { ...core, ...shell, ...table };
