/** Spanish messages that the page needs at first. */

import core from './es/core.js';
import shell from './es/shell.js';
import table from './es/table.js';

export default { ...core, ...shell, ...table };
