import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseTemplate } from './template.js';

const parse = (strings, ..._values) => simplify(parseTemplate(strings));
const parseSvg = (strings, ..._values) => parseTemplate(strings, true).children;

/** Writes an element as [tag, attributes by full name, ...children] and an expression as its number. */
function simplify(node) {
  if (typeof node === 'string') return node;
  if ('hole' in node) return node.hole;
  const attributes = [...node.attributes].map(([full, { value }]) => [full, value]);
  return [node.tag, Object.fromEntries(attributes), ...node.children.map(simplify)];
}

const refused = (pattern) => (strings, ..._values) =>
  assert.throws(() => parseTemplate(strings), { name: 'SyntaxError', message: pattern }, strings.join('${…}'));

test('parse_of_elements_text_and_expressions_gives_a_tree', () => {
  assert.deepEqual(parse`<p class="a b" hidden>one ${1}<b>two</b>${2}</p>tail`, [
    '', {}, ['p', { class: 'a b', hidden: '' }, 'one ', 0, ['b', {}, 'two'], 1], 'tail',
  ]);
});

test('parse_of_attributes_numbers_expressions_in_the_order_of_the_source', () => {
  const [, , input] = parse`<input type='text' title=${0} .value=${1} ?disabled=${2} @input=${3}
    class:on=${4} style:--x=${5} style:width=${6} ref=${7}>${8}`;
  assert.deepEqual(input, ['input', {
    type: 'text', title: 0, '.value': 1, '?disabled': 2, '@input': 3, 'class:on': 4, 'style:--x': 5, 'style:width': 6,
    ref: 7,
  }]);
});

test('parse_of_attribute_prefixes_gives_kind_and_name', () => {
  const [element] = parseTemplate`<a .x=${0} ?y=${0} @z-a=${0} class:b=${0} style:--c=${0} ref=${0} ref-x=${0} d="1"/>`
    .children;
  assert.deepEqual([...element.attributes.values()].map(({ kind, name }) => [kind, name]), [
    ['.', 'x'], ['?', 'y'], ['@', 'z-a'], ['class:', 'b'], ['style:', '--c'], ['ref', ''], ['', 'ref-x'], ['', 'd'],
  ]);
});

test('parse_of_white_space_with_a_line_break_between_tags_drops_it', () => {
  assert.deepEqual(parse`
    <p>
      <b>1</b> <i>2</i>
      text ${0}
    </p>
  `, ['', {}, ['p', {}, ['b', {}, '1'], ' ', ['i', {}, '2'], '\n      text ', 0]]);
  assert.deepEqual(parse`<p>\n\u00a0</p>`, ['', {}, ['p', {}, '\n\u00a0']]);
});

test('parse_of_void_and_closed_elements_needs_no_end_tag', () => {
  assert.deepEqual(parse`<br><img src="x"><x-y/><p />`, [
    '', {}, ['br', {}], ['img', { src: 'x' }], ['x-y', {}], ['p', {}],
  ]);
});

test('parse_of_comments_drops_them', () => {
  assert.deepEqual(parse`a<!-- <p> -- > -->b`, ['', {}, 'a', 'b']);
});

test('parse_of_markup_in_a_quoted_value_keeps_it_as_text', () => {
  assert.deepEqual(parse`<p title="<b> > ' /" lang='"'/>`, ['', {}, ['p', { title: "<b> > ' /", lang: '"' }]]);
});

test('parse_of_svg_marks_its_descendants_except_foreign_content', () => {
  const [div] = parseTemplate`<div><svg viewBox="0 0 1 1"><foreignObject><p/></foreignObject><path/></svg><p/></div>`
    .children;
  const [svg, after] = div.children;
  const [foreign, path] = svg.children;
  assert.deepEqual([div, svg, foreign, foreign.children[0], path, after].map((node) => node.svg),
    [false, true, true, false, true, false]);
  assert.ok(svg.attributes.has('viewBox'));
  assert.ok(parseSvg`<path/>`[0].svg);
});

test('parse_of_malformed_elements_is_an_error', () => {
  refused(/<p> is not closed, after "<p>text"/)`<p>text`;
  refused(/<\/p> must follow/)`<p></b>`;
  refused(/<\/> must follow/)`</p>`;
  refused(/tag name/)`a < b`;
  refused(/tag name/)`<${0}>`;
  refused(/tag name/)`<!doctype html>`;
  refused(/tag name/)`<!-- ${0} -->`;
  refused(/tag name/)`<!-- without an end`;
  refused(/">" or "\/>" must follow, after "<p"/)`<p`;
  refused(/">" or "\/>" must follow/)`<p title="a"id="b"/>`;
  refused(/">" or "\/>" must follow/)`<p title=${0}px/>`;
});

test('parse_of_malformed_attributes_is_an_error', () => {
  refused(/quoted text must follow, after "<p title="/)`<p title=a/>`;
  refused(/quoted text/)`<p title="a ${0}"/>`;
  refused(/quoted text/)`<p title="${0}"/>`;
  refused(/attribute name/)`<p ${0}/>`;
  refused(/attribute name/)`<p ="a"/>`;
  refused(/"title" occurs twice/)`<p title="a" title=${0}/>`;
  refused(/"@click" needs an expression/)`<p @click="run()"/>`;
  refused(/"class:a" needs an expression/)`<p class:a/>`;
  refused(/"ref" needs an expression/)`<p ref/>`;
  refused(/must follow, after "<p class"/)`<p class:=${0}/>`;
});

test('parse_of_code_and_markup_attributes_is_an_error', () => {
  refused(/write @click=\$\{…\} in place of "onclick"/)`<p onclick="run()"/>`;
  refused(/write @click/)`<p onclick=${0}/>`;
  refused(/<script> is not allowed/)`<script></script>`;
  refused(/<STYLE> is not allowed/)`<STYLE></STYLE>`;
  refused(/"style" is not allowed/)`<p style="color: red"/>`;
  refused(/"\.innerHTML" is not allowed/)`<p .innerHTML=${0}/>`;
  refused(/"\.outerHTML" is not allowed/)`<p .outerHTML=${0}/>`;
  refused(/"SRCDOC" is not allowed/)`<iframe SRCDOC=${0}></iframe>`;
  refused(/write "href" in place of "\.href"/)`<a .href=${0}></a>`;
});

test('parse_of_character_references_is_an_error', () => {
  refused(/character reference/)`a &amp; b`;
  refused(/character reference/)`&#160;`;
  assert.deepEqual(parse`R&D & co; ${0}`, ['', {}, 'R&D & co; ', 0]);
});

test('parse_of_a_nul_character_is_an_error', () => {
  refused(/U\+0000/)`a\0b`;
});

test('parse_error_after_an_expression_shows_where', () => {
  refused(/after "<p>\$\{…\}<\/"/)`<p>${0}</`;
});
