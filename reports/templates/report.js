(function () {
  'use strict';
  var d = document, root = d.documentElement;
  function all(sel, el) { return Array.prototype.slice.call((el || d).querySelectorAll(sel)); }
  function one(sel, el) { return (el || d).querySelector(sel); }
  function flat(el) { return el ? el.textContent.replace(/\s+/g, ' ').trim() : ''; }
  all('[data-js]').forEach(function (el) { el.hidden = false; });

  // Theme: follows the system; the choice is kept where the frame allows it.
  var themes = ['auto', 'light', 'dark'], button = one('#theme'), theme = 'auto';
  function apply() {
    if (theme === 'auto') { root.removeAttribute('data-theme'); } else { root.setAttribute('data-theme', theme); }
    button.textContent = 'Theme: ' + theme;
  }
  try { theme = localStorage.getItem('pveforensics-theme') || 'auto'; } catch (e) { theme = 'auto'; }
  if (themes.indexOf(theme) < 0) { theme = 'auto'; }
  button.addEventListener('click', function () {
    theme = themes[(themes.indexOf(theme) + 1) % 3];
    try { localStorage.setItem('pveforensics-theme', theme); } catch (e) { /* a sandboxed frame keeps nothing */ }
    apply();
  });
  apply();

  // Copy: the summary, or one card as Markdown.
  function copy(text, from) {
    function done(word) { var old = from.textContent; from.textContent = word; setTimeout(function () { from.textContent = old; }, 1500); }
    if (navigator.clipboard) { navigator.clipboard.writeText(text).then(function () { done('Copied'); }, function () { select(text, done); }); } else { select(text, done); }
  }
  function select(text, done) {
    var area = d.createElement('textarea');
    area.value = text; d.body.appendChild(area); area.select();
    try { done(d.execCommand('copy') ? 'Copied' : 'Not allowed here'); } catch (e) { done('Not allowed here'); }
    area.remove();
  }
  function cardText(card) {
    var out = ['### ' + flat(one('h3', card)), '', flat(one('.fact', card)), ''];
    all('.ev', card).forEach(function (ev) { out.push('- `' + flat(one('code', ev)) + '`', '  `' + flat(one('pre', ev)) + '`'); });
    all('.acts > div', card).forEach(function (act) { out.push('', '**' + flat(one('h4', act)) + '** ' + all('p,.cmd', act).map(flat).join(' ')); });
    return out.join('\n');
  }
  d.addEventListener('click', function (event) {
    var from = event.target.closest ? event.target.closest('[data-copy]') : null;
    if (from) { copy(from.getAttribute('data-copy') === 'md' ? one('#md').textContent : cardText(from.closest('.card')), from); }
  });

  // Filter: words, node and criticality together; what is hidden is counted.
  var q = one('#q'), node = one('#fnode'), crit = one('#fcrit'), count = one('#fcount');
  function filter() {
    var text = q.value.toLowerCase(), hid = 0, cards = all('[data-f]');
    cards.forEach(function (card) {
      var fits = card.textContent.toLowerCase().indexOf(text) >= 0 && +card.getAttribute('data-crit') >= +crit.value &&
        (!node.value || card.getAttribute('data-node').split(' ').indexOf(node.value) >= 0);
      card.hidden = !fits;
      if (!fits) { hid += 1; }
    });
    all('.group').forEach(function (group) { group.hidden = !one('[data-f]:not([hidden])', group); });
    count.textContent = hid ? hid + ' of ' + cards.length + ' findings hidden' : '';
  }
  if (q) {
    [q, node, crit].forEach(function (el) { el.addEventListener('input', filter); });
    one('#fclear').addEventListener('click', function () { q.value = ''; node.value = ''; crit.value = '0'; filter(); });
    one('#fopen').addEventListener('click', function () { all('#findings details').forEach(function (el) { el.open = true; }); });
  }

  // A link opens what it points into; printing opens everything.
  function unfold() {
    var target = d.getElementById(decodeURIComponent(location.hash.slice(1))), el = target;
    for (; el; el = el.parentElement) { if (el.tagName === 'DETAILS') { el.open = true; } }
    if (target) { target.scrollIntoView(); }
  }
  window.addEventListener('hashchange', unfold);
  if (location.hash) { unfold(); }
  window.addEventListener('beforeprint', function () { all('details').forEach(function (el) { el.open = true; }); });
}());
