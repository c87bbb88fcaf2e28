/** Steps that give the files of a torrent other paths. */

/** @typedef {{ from: string, to: string }} Step Paths of a file or of a folder. */
/** @typedef {ReadonlyMap<number, string>} Paths By the index of the file. */

/** Returns the steps from some paths to others. A folder whose files go together is one step; of files that exchange
 *  their names, one gets another meanwhile. @param {Paths} now @param {Paths} wanted @returns {Step[]} */
export function renameSteps(now, wanted) {
  const paths = new Map(now);
  /** @type {Step[]} */
  const steps = [];
  for (;;) {
    const rest = [...paths].filter(([index, path]) => wanted.has(index) && wanted.get(index) !== path);
    if (rest.length === 0) return steps;
    const taken = new Set(paths.values());
    const free = rest.find(([index]) => !taken.has(/** @type {string} */ (wanted.get(index))));
    const [index, path] = free ?? rest[0];
    const to = /** @type {string} */ (wanted.get(index));
    const step = free ? widest(paths, wanted, path, to) : { from: path, to: unused(taken, to) };
    steps.push(step);
    for (const [other, old] of paths) paths.set(other, after(old, step));
  }
}

/** Returns the step of the highest folder that takes a file to its path, and its other files to theirs.
 *  @param {Paths} paths @param {Paths} wanted @param {string} path @param {string} to @returns {Step} */
function widest(paths, wanted, path, to) {
  const [old, next] = [path.split('/'), to.split('/')];
  let same = 0;
  while (same < Math.min(old.length, next.length) - 1 && old.at(-1 - same) === next.at(-1 - same)) same += 1;
  for (; same > 0; same -= 1) {
    const step = { from: old.slice(0, -same).join('/'), to: next.slice(0, -same).join('/') };
    const inside = [...paths].filter(([, other]) => other.startsWith(`${step.from}/`));
    const others = new Set([...paths.values()].filter((other) => !other.startsWith(`${step.from}/`)));
    const fits = inside.every(([index, other]) => {
      const end = after(other, step);
      return (wanted.get(index) ?? other) === end && !others.has(end);
    });
    if (fits) return step;
  }
  return { from: path, to };
}

/** @param {string} path @param {Step} step */
function after(path, { from, to }) {
  if (path === from) return to;
  return path.startsWith(`${from}/`) ? to + path.slice(from.length) : path;
}

/** @param {ReadonlySet<string>} taken @param {string} path */
function unused(taken, path) {
  let count = 1;
  while (taken.has(`${path}.${count}`)) count += 1;
  return `${path}.${count}`;
}
