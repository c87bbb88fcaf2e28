/** English messages that the page needs at first. */

import core from './en/core.js';
import shell from './en/shell.js';
import table from './en/table.js';

export default { ...core, ...shell, ...table };
