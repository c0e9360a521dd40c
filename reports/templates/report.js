(function () {
  'use strict';
  var d = document, root = d.documentElement, SVG = 'http://www.w3.org/2000/svg';
  function all(sel, el) { return Array.prototype.slice.call((el || d).querySelectorAll(sel)); }
  function one(sel, el) { return (el || d).querySelector(sel); }
  function flat(el) { return el ? el.textContent.replace(/\s+/g, ' ').trim() : ''; }
  function make(tag, text, cls) { var el = d.createElement(tag); if (text) { el.textContent = text; } if (cls) { el.className = cls; } return el; }
  function button(text, act, label) { var el = make('button', text); el.type = 'button'; if (label) { el.setAttribute('aria-label', label); } el.addEventListener('click', act); return el; }
  all('[data-js]').forEach(function (el) { el.hidden = false; });

  // State: what the reader chose stands in the fragment behind a tilde, so that a link shows the same.
  var state = {}, target = '', plots = {}, filters = [];
  function parse() {
    var parts = location.hash.slice(1).split('~');
    try { target = decodeURIComponent(parts[0]); } catch (e) { target = parts[0]; }
    state = {};
    (parts[1] || '').split('&').forEach(function (pair) {
      var at = pair.indexOf('=');
      if (at > 0) { try { state[pair.slice(0, at)] = decodeURIComponent(pair.slice(at + 1)); } catch (e) { /* no valid escape: not ours */ } }
    });
  }
  function keep(key, value) {
    if (value) { state[key] = value; } else { delete state[key]; }
    var rest = Object.keys(state).sort().map(function (k) { return k + '=' + encodeURIComponent(state[k]); }).join('&');
    try { history.replaceState(null, '', '#' + encodeURIComponent(target) + (rest ? '~' + rest : '')); } catch (e) { /* a sandboxed frame has no history */ }
  }
  parse();

  // Theme: follows the system; the choice is kept where the frame allows it.
  var themes = ['auto', 'light', 'dark'], paint = one('#theme'), theme = 'auto';
  function apply() {
    if (theme === 'auto') { root.removeAttribute('data-theme'); } else { root.setAttribute('data-theme', theme); }
    paint.textContent = 'Theme: ' + theme;
  }
  try { theme = localStorage.getItem('pveforensics-theme') || 'auto'; } catch (e) { theme = 'auto'; }
  if (themes.indexOf(theme) < 0) { theme = 'auto'; }
  paint.addEventListener('click', function () {
    theme = themes[(themes.indexOf(theme) + 1) % 3];
    try { localStorage.setItem('pveforensics-theme', theme); } catch (e) { /* a sandboxed frame keeps nothing */ }
    apply();
  });
  apply();

  // Clock: UTC, or the zone in which the nodes write.
  var zone = root.getAttribute('data-zone'), hands = one('#clock'), form = null;
  try { form = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' }); } catch (e) { form = null; }
  var heads = all('svg[data-t0] text').filter(function (el) { return el.textContent === 'UTC'; });
  function local() { return !!form && zone !== 'UTC' && state.clock === 'local'; }
  function shown(ms, digits) {
    var whole = local() ? form.format(ms) : new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
    return digits ? whole + new Date(ms).toISOString().slice(19, 23) : whole;
  }
  function setClock() {
    var name = local() ? zone : 'UTC';
    all('time').forEach(function (el) {
      var utc = el.getAttribute('data-utc') || el.textContent;
      el.setAttribute('data-utc', utc);
      var text = shown(Date.parse(el.getAttribute('datetime')), utc.indexOf('.') > 0);
      el.textContent = local() ? (utc.length < 14 ? text.slice(11) : text) : utc;
    });
    all('.z').concat(heads).forEach(function (el) { el.textContent = name; });
    all('[data-z]').forEach(function (el) {
      var was = el.getAttribute('data-z') || el.textContent;
      el.setAttribute('data-z', was);
      el.textContent = was.replace('UTC', name);
    });
    hands.textContent = 'Clock: ' + name;
    Object.keys(plots).forEach(function (id) { plots[id].draw(); });
  }
  if (!form || zone === 'UTC') { hands.hidden = true; }
  hands.addEventListener('click', function () { keep('clock', local() ? '' : 'local'); setClock(); });

  // Copy: the summary, a card, or a table, as Markdown.
  function copy(text, from) {
    function done(word) { var old = from.textContent; from.textContent = word; one('#said').textContent = word; setTimeout(function () { from.textContent = old; }, 1500); }
    function select() {
      var area = make('textarea');
      area.value = text; d.body.appendChild(area); area.select();
      try { done(d.execCommand('copy') ? 'Copied' : 'Not allowed here'); } catch (e) { done('Not allowed here'); }
      area.remove();
    }
    if (navigator.clipboard) { navigator.clipboard.writeText(text).then(function () { done('Copied'); }, select); } else { select(); }
  }
  function tick(text) { var longest = (text.match(/`+/g) || []).reduce(function (n, run) { return Math.max(n, run.length); }, 0), fence = new Array(longest + 2).join('`'); return fence + (longest ? ' ' + text + ' ' : text) + fence; }
  function md(text) { return text.replace(/([\\`*_\[\]<>|#~])/g, '\\$1'); }
  function cardText(card) {
    var out = ['### ' + md(flat(one('h3', card))), '', md(flat(one('.fact', card))), ''];
    all('.ev', card).forEach(function (ev) { out.push('- ' + tick(flat(one('code', ev))), '  ' + tick(flat(one('pre', ev)))); });
    all('.acts > div', card).forEach(function (act) { out.push('', '**' + md(flat(one('h4', act))) + '** ' + all('p,.cmd', act).map(function (el) { return el.className === 'cmd' ? tick(flat(el)) : md(flat(el)); }).join(' ')); });
    return out.join('\n');
  }
  function tableText(table) {
    return all('tr', table).filter(function (row) { return !row.hidden; }).map(function (row, k) {
      var cells = Array.prototype.slice.call(row.cells).map(function (cell) { return md(flat(cell)); });
      return '| ' + cells.join(' | ') + ' |' + (k ? '' : '\n|' + cells.map(function () { return ' --- '; }).join('|') + '|');
    }).join('\n');
  }
  d.addEventListener('click', function (event) {
    var from = event.target.closest ? event.target.closest('[data-copy]') : null;
    if (from) { copy(from.getAttribute('data-copy') === 'md' ? one('#md').textContent : cardText(from.closest('.card')), from); }
  });
  all('table[data-md]').forEach(function (table) {
    var tools = make('div', '', 'ttools'), name = table.getAttribute('data-md'), box = table.parentNode;
    if (table.hasAttribute('data-filter')) { tableFilter(table, tools); }
    tools.appendChild(button('Copy as Markdown', function (event) { copy(tableText(table), event.target); }, 'Copy as Markdown: ' + name));
    box.parentNode.insertBefore(tools, box);
  });
  // The window that was chosen in a drawing: what lies outside is hidden here and in the findings, and counted.
  function outside(el) {
    var win = /^(\d+)-(\d+)$/.exec(state.win || '');
    return !!win && !(el.hasAttribute('data-from') && +el.getAttribute('data-from') <= +win[2] && +el.getAttribute('data-to') >= +win[1]);
  }
  // The lane that was chosen, and whether only what rests on a line is shown.
  function aside(el) {
    return (!!state.lane && ('|' + el.getAttribute('data-lanes') + '|').indexOf('|' + state.lane + '|') < 0) || (state.proof === '1' && !el.hasAttribute('data-proof'));
  }
  function tableFilter(table, tools) {
    var label = make('label', 'Filter '), input = make('input'), count = make('output');
    input.type = 'search'; count.setAttribute('aria-live', 'polite');
    label.appendChild(input); tools.appendChild(label); tools.appendChild(count);
    function refresh() {
      var rows = all('tbody tr', table), hid = 0, timed = table.hasAttribute('data-timed');
      rows.forEach(function (row) { row.hidden = row.textContent.toLowerCase().indexOf(input.value.toLowerCase()) < 0 || (timed && (outside(row) || aside(row))); hid += row.hidden ? 1 : 0; });
      count.textContent = hid ? hid + ' of ' + rows.length + ' rows hidden' : '';
    }
    input.addEventListener('input', refresh);
    filters.push(refresh);
  }

  // Filter: words, node and criticality together; what is hidden is counted.
  var q = one('#q'), node = one('#fnode'), crit = one('#fcrit'), count = one('#fcount'), proof = one('#fproof');
  function filter() {
    filters.forEach(function (refresh) { refresh(); });
    Object.keys(plots).forEach(function (id) { plots[id].mark(); });
    if (!q) { return; }
    var text = q.value.toLowerCase(), hid = 0, cards = all('[data-f]'), win = (state.win || '').split('-');
    cards.forEach(function (card) {
      var fits = !outside(card) && !aside(card) && card.textContent.toLowerCase().indexOf(text) >= 0 && +card.getAttribute('data-crit') >= +crit.value &&
        (!node.value || card.getAttribute('data-node').split(' ').indexOf(node.value) >= 0);
      card.hidden = !fits;
      if (!fits) { hid += 1; }
    });
    all('.group').forEach(function (group) { group.hidden = !one('[data-f]:not([hidden])', group); });
    count.textContent = (hid ? hid + ' of ' + cards.length + ' findings hidden' : '') + (win[1] ? '; shown: ' + span(+win[0], +win[1]) : '') + (state.lane ? '; lane: ' + state.lane : '');
  }
  // A lane that nothing can be filtered to is none to filter to.
  function known(name) { return all('[data-lanes]').some(function (el) { return ('|' + el.getAttribute('data-lanes') + '|').indexOf('|' + name + '|') >= 0; }); }
  function span(a, b) { var fine = b - a < 60000; return shown(a, fine).slice(5) + ' to ' + shown(b, fine).slice(11) + (local() ? ' ' + zone : ' UTC'); }
  function chosen() { keep('q', q.value); keep('node', node.value); keep('crit', crit.value === '0' ? '' : crit.value); keep('proof', proof.checked ? '1' : ''); filter(); }
  function cleared() { q.value = ''; node.value = ''; crit.value = '0'; proof.checked = false; keep('win', ''); keep('lane', ''); chosen(); }
  if (q) {
    [q, node, crit, proof].forEach(function (el) { el.addEventListener('input', chosen); });
    one('#fclear').addEventListener('click', cleared);
    one('#fopen').addEventListener('click', function () { all('#findings details').forEach(function (el) { el.open = true; }); });
    d.addEventListener('keydown', function (event) {
      var typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== 'checkbox';
      if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); q.focus(); }
      if (event.key === 'Escape' && (event.target === q || !typing)) { cleared(); }
    });
  }

  // Drawings: zoom and move along the time, keep a lane at the top. Texts keep their size; only x, width, x1 and x2 change.
  var STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];
  function Plot(svg, id) {
    function n(el, key) { return +el.getAttribute(key); }
    var t0 = n(svg, 'data-t0'), t1 = n(svg, 'data-t1'), x0 = n(svg, 'data-x0'), x1 = n(svg, 'data-x1'), v0 = t0, v1 = t1, box = svg.parentNode, self = this;
    var moving = all('[data-time] > *', svg).filter(function (el) { return !el.parentNode.hasAttribute('data-axis'); }).map(function (el) {
      return { el: el, x: n(el, 'x'), w: n(el, 'width'), a: el.hasAttribute('data-a') ? n(el, 'data-a') : null, e: el.hasAttribute('data-e') ? n(el, 'data-e') : null, x1: n(el, 'x1'), x2: n(el, 'x2'), tag: el.tagName };
    });
    var axis = all('[data-axis]', svg), own = d.createElementNS(SVG, 'g'), said = make('output'), pinned = [], pick = make('select');
    var only = button('Only this window', function () {
      var view = Math.round(v0) + '-' + Math.round(v1);
      keep('win', state.win ? '' : view);
      filter();
    });
    only.hidden = id === 'drawing-all';
    svg.insertBefore(own, axis[0] || null);
    function place(x) { return x0 + (t0 + (x - x0) / (x1 - x0) * (t1 - t0) - v0) / (v1 - v0) * (x1 - x0); }
    function hide(el, away) { if (away) { el.setAttribute('display', 'none'); } else { el.removeAttribute('display'); } }
    function bound(x) { return Math.min(x1 + 8, Math.max(x0, x)); }
    this.draw = function () {
      var whole = v0 === t0 && v1 === t1;
      moving.forEach(function (m) {
        if (m.a !== null) {
          var at = place(m.a), goes = at < x0 - 1 && m.e !== null && place(m.e) > x0 + 120;
          m.el.setAttribute('x', goes ? x0 + 4 : at + m.x - m.a); hide(m.el, !goes && (at < x0 - 1 || at > x1 + 1)); return;
        }
        if (m.tag === 'line') { var p = place(m.x1), r = place(m.x2); m.el.setAttribute('x1', bound(p)); m.el.setAttribute('x2', bound(r)); hide(m.el, r < x0 - 1 || p > x1 + 9); return; }
        var left = place(m.x), right = m.w <= 1.5 ? left + m.w : Math.max(place(m.x + m.w), left + Math.min(m.w, 3));
        hide(m.el, right < x0 || left > x1 + 8);
        if (!whole) { left = bound(left); right = bound(right); }
        m.el.setAttribute('x', left); m.el.setAttribute('width', Math.max(0.5, right - left));
      });
      axis.forEach(function (g) { hide(g, !whole || local()); });
      while (own.firstChild) { own.removeChild(own.firstChild); }
      if (!whole || local()) { ruler(); }
      said.textContent = whole ? '' : span(v0, v1) + ', ' + Math.round((v1 - v0) / 100) / 10 + ' s';
      only.hidden = whole && id === 'drawing-all' && !state.win;
    };
    function ruler() {
      var line = one('[data-axis] line', svg), text = one('[data-axis] text', svg), t, step;
      if (!line || !text) { return; }
      step = STEPS.concat([7776000, 31536000]).filter(function (s) { return s * 1000 / (v1 - v0) * (x1 - x0) >= 80; })[0] || 315360000;
      for (t = Math.ceil(v0 / (step * 1000)) * step * 1000; t <= v1; t += step * 1000) {
        var x = x0 + (t - v0) / (v1 - v0) * (x1 - x0), l = line.cloneNode(false), w = text.cloneNode(false), s = shown(t, false);
        l.setAttribute('x1', x); l.setAttribute('x2', x); own.appendChild(l);
        w.setAttribute('x', x); w.textContent = step >= 86400 ? s.slice(5, 10) : step >= 60 ? s.slice(11, 16) : s.slice(11);
        own.appendChild(w);
      }
    }
    this.show = function (a, b) {
      var least = 2000, most = t1 - t0, long = Math.min(most, Math.max(least, b - a)), mid = (a + b) / 2;
      v0 = Math.max(t0, Math.min(t1 - long, mid - long / 2)); v1 = v0 + long;
      if (long >= most) { v0 = t0; v1 = t1; }
      self.draw();
      keep('z-' + id, v0 === t0 && v1 === t1 ? '' : Math.round(v0) + '-' + Math.round(v1));
    };
    function zoom(by, share) { var at = v0 + (v1 - v0) * share, long = (v1 - v0) * by; self.show(at - long * share, at + long * (1 - share)); }
    function move(by) { var long = v1 - v0, a = Math.max(t0, Math.min(t1 - long, v0 + long * by)); self.show(a, a + long); }
    function share(event) { var r = svg.getBoundingClientRect(), x = (event.clientX - r.left) / r.width * svg.viewBox.baseVal.width; return Math.min(1, Math.max(0, (x - x0) / (x1 - x0))); }
    box.addEventListener('wheel', function (event) { if (event.ctrlKey || event.shiftKey) { event.preventDefault(); zoom((event.deltaY || event.deltaX) < 0 ? 0.8 : 1.25, share(event)); } }, { passive: false });
    box.addEventListener('dblclick', function (event) { zoom(0.5, share(event)); });
    var drag = null;
    // Shift and drag, or drag after Select, marks a window; letting go zooms to it and filters findings and states by it.
    var band = d.createElementNS(SVG, 'rect'), choosing = button('Select', function () { arm(choosing.getAttribute('aria-pressed') !== 'true'); }, 'Select a window by dragging');
    function arm(on) { choosing.setAttribute('aria-pressed', on ? 'true' : 'false'); svg.style.cursor = on ? 'crosshair' : ''; }
    arm(false);
    band.setAttribute('class', 'band'); band.setAttribute('y', 0); band.setAttribute('height', n(svg, 'height')); hide(band, true); svg.appendChild(band);
    function paintBand(a, b) {
      var left = x0 + Math.min(a, b) * (x1 - x0);
      band.setAttribute('x', left); band.setAttribute('width', Math.max(1, x0 + Math.max(a, b) * (x1 - x0) - left)); hide(band, false);
      said.textContent = span(v0 + Math.min(a, b) * (v1 - v0), v0 + Math.max(a, b) * (v1 - v0)) + ', ' + Math.round(Math.abs(b - a) * (v1 - v0) / 100) / 10 + ' s selected';
    }
    function choose(a, b) {
      var from = v0 + Math.min(a, b) * (v1 - v0), to = v0 + Math.max(a, b) * (v1 - v0);
      hide(band, true); ends = [null, null];
      if (to - from < (v1 - v0) / 200) { self.draw(); return; }
      keep('win', Math.round(from) + '-' + Math.round(to));
      self.show(from, to); filter();
    }
    var ends = [null, null];
    svg.addEventListener('pointerdown', function (event) {
      var by = event.shiftKey || choosing.getAttribute('aria-pressed') === 'true';
      drag = { x: share(event), a: v0, b: v1, select: by };
      if (by) { event.preventDefault(); }
    });
    window.addEventListener('pointerup', function (event) { var was = drag; drag = null; if (was && was.select) { arm(false); choose(was.x, share(event)); } });
    svg.addEventListener('pointermove', function (event) {
      if (drag && drag.select) { paintBand(drag.x, share(event)); return; }
      if (!drag || (v0 === t0 && v1 === t1)) { return; }
      var long = drag.b - drag.a, a = Math.max(t0, Math.min(t1 - long, drag.a - (share(event) - drag.x) * long));
      self.show(a, a + long);
    });
    // By keyboard: [ and ] put the ends of the window where the middle of the view is; the second one selects.
    function mark(key) {
      var at = (v0 + v1) / 2;
      ends[key === '[' ? 0 : 1] = at;
      if (ends[0] !== null && ends[1] !== null && ends[0] !== ends[1]) {
        var low = Math.min(ends[0], ends[1]), high = Math.max(ends[0], ends[1]);
        ends = [null, null];
        keep('win', Math.round(low) + '-' + Math.round(high)); self.show(low, high); filter();
      } else { said.textContent = 'one end at ' + shown(at, v1 - v0 < 60000).slice(5) + '; move, then ' + (key === '[' ? ']' : '['); }
    }
    box.addEventListener('keydown', function (event) {
      var key = event.key.toLowerCase(), open = v0 !== t0 || v1 !== t1;
      if (event.ctrlKey || event.metaKey || event.altKey || event.target !== box) { return; }
      if (key === '+' || key === '=' || key === 'w') { zoom(0.7, 0.5); } else if (key === '-' || key === 's') { zoom(1 / 0.7, 0.5); } else if (key === 'a' || (key === 'arrowleft' && open)) { move(-0.2); } else if (key === 'd' || (key === 'arrowright' && open)) { move(0.2); } else if (key === '0') { self.show(t0, t1); } else if (key === '[' || key === ']') { mark(key); } else { return; }
      event.preventDefault();
    });
    // Pinned lanes stand first; the others follow in their order.
    var rows = all('g[data-y]', svg), names = {};
    rows.forEach(function (g) { if (g.hasAttribute('data-lane')) { names[g.getAttribute('data-b')] = g.getAttribute('data-lane'); } });
    // On a narrow screen the lanes' names stay in view while the drawing is moved sideways.
    var column = null;
    box.addEventListener('scroll', function () {
      if (!column) {
        var back = d.createElementNS(SVG, 'rect');
        column = d.createElementNS(SVG, 'g');
        back.setAttribute('width', x0 - 4); back.setAttribute('height', n(svg, 'height')); back.setAttribute('class', 'f-bg');
        column.appendChild(back); rows.forEach(function (g) { column.appendChild(g); }); svg.appendChild(column);
      }
      column.setAttribute('transform', 'translate(' + box.scrollLeft + ',0)');
    });
    // Hidden lanes take no room; how many there are is said on the button that shows them again.
    var hidden = [], back = button('', function () { hidden = []; arrange(); keep('h-' + id, ''); }), acts = [];
    back.hidden = true;
    function arrange() {
      if (!rows.length) { return; }
      var order = rows.filter(function (g) { return pinned.indexOf(g.getAttribute('data-b')) >= 0; }).concat(rows.filter(function (g) { return pinned.indexOf(g.getAttribute('data-b')) < 0; })), y = n(rows[0], 'data-y');
      back.hidden = !hidden.length;
      back.textContent = hidden.length + (hidden.length === 1 ? ' lane' : ' lanes') + ' hidden: show';
      order.forEach(function (g) {
        var away = hidden.indexOf(g.getAttribute('data-b')) >= 0;
        all('g[data-b="' + g.getAttribute('data-b') + '"]', svg).forEach(function (each) { hide(each, away); });
        if (away) { return; }
        var b = g.getAttribute('data-b'), by = y - n(g, 'data-y');
        all('g[data-b="' + b + '"]', svg).forEach(function (each) { if (by) { each.setAttribute('transform', 'translate(0,' + by + ')'); } else { each.removeAttribute('transform'); } });
        var pin = pinned.indexOf(b) >= 0, texts = all('text', g), lone = texts.length === 1 ? texts[0] : null;
        if (lone && lone.getAttribute('text-anchor') === 'end') { lone.setAttribute('data-was', lone.getAttribute('data-was') || lone.lastChild.nodeValue); lone.lastChild.nodeValue = pin ? names[b] : lone.getAttribute('data-was'); }
        y += n(g, 'data-h');
      });
      self.mark();
    }
    this.mark = function () {
      only.textContent = state.win ? 'All times again' : 'Only this window';
      only.hidden = v0 === t0 && v1 === t1 && id === 'drawing-all' && !state.win;
      rows.forEach(function (g) {
        var cls = [pinned.indexOf(g.getAttribute('data-b')) >= 0 ? 'pinned' : '', state.lane && g.getAttribute('data-lane') === state.lane ? 'only' : ''].join(' ').trim();
        if (cls) { g.setAttribute('class', cls); } else { g.removeAttribute('class'); }
      });
    };
    this.only = function (b) { var name = names[b]; keep('lane', state.lane === name || !name || !known(name) ? '' : name); filter(); };
    this.hide = function (b) { if (names[b] === undefined) { return; } if (hidden.indexOf(b) < 0) { hidden.push(b); } arrange(); keep('h-' + id, hidden.join('.')); };
    this.pin = function (b) { if (names[b] === undefined) { return; } var at = pinned.indexOf(b); if (at < 0) { pinned.push(b); } else { pinned.splice(at, 1); } arrange(); keep('p-' + id, pinned.join('.')); };
    svg.addEventListener('click', function (event) { var g = event.target.closest ? event.target.closest('g[data-lane]') : null; if (g) { self.only(g.getAttribute('data-b')); } });
    pick.setAttribute('aria-label', 'Lane');
    pick.appendChild(make('option', 'Lane …'));
    pick.options[0].value = '';
    Object.keys(names).forEach(function (b) { var o = make('option', names[b] || b); o.value = b; pick.appendChild(o); });
    function act(text, does, label) { var el = button(text, function () { does(pick.value); }, label); el.disabled = true; acts.push(el); return el; }
    act('Pin', function (b) { self.pin(b); }, 'Pin or release the lane');
    act('Filter', function (b) { self.only(b); }, 'Filter to the lane, or show all again');
    act('Hide', function (b) { self.hide(b); pick.value = ''; ready(); pick.focus(); }, 'Hide the lane');
    function ready() { acts.forEach(function (el) { el.disabled = !pick.value; }); }
    pick.addEventListener('change', ready);
    var tools = make('div', '', 'ttools');
    said.setAttribute('aria-live', 'polite');
    [button('+', function () { zoom(0.7, 0.5); }, 'Zoom in'), button('−', function () { zoom(1 / 0.7, 0.5); }, 'Zoom out'), button('←', function () { move(-0.2); }, 'Earlier'), button('→', function () { move(0.2); }, 'Later'), button('All', function () { self.show(t0, t1); }, 'Show all'), choosing, only, pick].concat(acts, [back, said]).forEach(function (el) { tools.appendChild(el); });
    box.parentNode.insertBefore(tools, box);
    this.restore = function () {
      var z = /^(\d+)-(\d+)$/.exec(state['z-' + id] || ''), p = state['p-' + id], h = state['h-' + id];
      function ours(b) { return names[b] !== undefined; }
      if (z) { self.show(+z[1], +z[2]); }
      pinned = p ? p.split('.').filter(ours) : [];
      hidden = h ? h.split('.').filter(ours) : [];
      arrange();
    };
  }
  all('svg[data-t0]').forEach(function (svg) { var id = svg.closest('figure').id; plots[id] = new Plot(svg, id); });

  // A link opens what it points into; printing opens everything.
  function unfold() {
    var found = d.getElementById(target), el = found;
    for (; el; el = el.parentElement) { if (el.tagName === 'DETAILS') { el.open = true; } if (el.hidden && el.hasAttribute('data-f')) { cleared(); } }
    if (found) { found.scrollIntoView(); all('.aim').forEach(function (old) { old.classList.remove('aim'); }); found.classList.add('aim'); }
  }
  function restore() {
    if (q) { q.value = state.q || ''; node.value = state.node || ''; crit.value = state.crit || '0'; proof.checked = state.proof === '1'; if (crit.selectedIndex < 0) { crit.value = '0'; } if (node.selectedIndex < 0) { node.value = ''; } }
    filter();
    Object.keys(plots).forEach(function (id) { plots[id].restore(); });
    if (local()) { setClock(); }
    if (target) { unfold(); }
  }
  window.addEventListener('hashchange', function () { var old = state; parse(); if (location.hash.indexOf('~') < 0) { state = old; keep('', ''); unfold(); } else { restore(); } });
  if (location.hash.length > 1) { restore(); }
  window.addEventListener('beforeprint', function () { all('details').forEach(function (el) { el.open = true; }); });
}());
