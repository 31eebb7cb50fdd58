// What a page needs that only the browser has. No secret passes through here but the files that the user uploads and the passphrase of a key, from their fields to the API.
(() => {
  'use strict';

  const themeKey = 'chariot-theme';
  const token = () => document.querySelector('meta[name=chariot-antiforgery]')?.content ?? '';

  // Times in the viewer's zone and habits; the server knows neither.
  class LocalTime extends HTMLElement {
    static observedAttributes = ['datetime', 'part'];
    attributeChangedCallback() { this.show(); }
    connectedCallback() { this.show(); }
    show() {
      const time = new Date(this.getAttribute('datetime'));
      if (Number.isNaN(time.getTime())) return;
      const style = this.getAttribute('part') === 'date' ? { dateStyle: 'medium' } : { dateStyle: 'medium', timeStyle: 'medium' };
      this.textContent = new Intl.DateTimeFormat(undefined, style).format(time);
      this.title = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' }).format(time);
    }
  }
  customElements.define('chariot-time', LocalTime);

  async function copy(text) {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return true;
    }
    // Plain HTTP from another machine has no clipboard interface.
    const area = document.createElement('textarea');
    area.value = text;
    area.setAttribute('readonly', '');
    document.body.appendChild(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }

  // Key and certificate, and the key's passphrase, go from their fields straight to the API; the page is told what came of it.
  async function upload(file, url, page, passphrase) {
    await page.invokeMethodAsync('Started');
    const body = new FormData();
    body.append('file', file);
    if (passphrase) body.append('passphrase', passphrase);
    let status = 0, text = '';
    try {
      const answer = await fetch(url, { method: 'PUT', body, headers: { 'Chariot-Antiforgery': token() } });
      status = answer.status;
      text = status === 200 ? '' : await answer.text();
    } catch {
      status = 0;
    }
    await page.invokeMethodAsync('Answered', status, text);
    return status === 200 || status === 202;
  }

  function fileSlot(zone, input, url, page) {
    // Until it is accepted: a key that turns out to be encrypted goes again, with its passphrase.
    let refused = null;
    const field = () => zone.querySelector('[data-chariot-passphrase]');
    const send = async (file, passphrase) => {
      refused = await upload(file, url, page, passphrase) ? null : file;
      field()?.focus();
    };
    const open = async () => {
      const passphrase = field()?.value;
      if (refused && passphrase) {
        field().value = '';
        await send(refused, passphrase);
      }
    };
    zone.addEventListener('click', event => { if (event.target.closest('[data-chariot-open]')) open(); });
    zone.addEventListener('keydown', event => { if (event.key === 'Enter' && event.target === field()) open(); });
    const take = async () => {
      const file = input.files[0];
      if (file) {
        await send(file);
        input.value = '';
      }
    };
    input.addEventListener('change', take);
    // Chosen before the page was ready to hear of it.
    take();
    let depth = 0;
    const over = inside => zone.classList.toggle('is-over', inside);
    zone.addEventListener('dragenter', event => { event.preventDefault(); depth++; over(true); });
    zone.addEventListener('dragleave', () => { if (--depth <= 0) { depth = 0; over(false); } });
    zone.addEventListener('dragover', event => event.preventDefault());
    zone.addEventListener('drop', async event => {
      event.preventDefault();
      depth = 0;
      over(false);
      const file = event.dataTransfer.files[0];
      if (file && !input.disabled) await send(file);
    });
  }

  function saveFile(name, text) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // What was chosen here, else what the system has, now and later.
  function isDark(layout) {
    const system = window.matchMedia('(prefers-color-scheme: dark)');
    const kept = () => localStorage.getItem(themeKey);
    system.onchange = () => { if (!kept()) layout.invokeMethodAsync('ShowDark', system.matches); };
    // Kept alive by this: nothing else refers to it.
    window.chariot.system = system;
    return kept() ? kept() === 'dark' : system.matches;
  }

  window.chariot = {
    fileSlot,
    saveFile,
    isDark,
    isKept: key => localStorage.getItem(key) !== null,
    keep: key => localStorage.setItem(key, 'yes'),
    keepDark: dark => localStorage.setItem(themeKey, dark ? 'dark' : 'light'),
    copy,
    signOut: async () => {
      await fetch('/session/end', { method: 'POST', headers: { 'Chariot-Antiforgery': token() }, redirect: 'manual' });
      location.assign('/login');
    },
  };

  // A file that misses its field would otherwise replace the page.
  for (const name of ['dragover', 'drop']) window.addEventListener(name, event => event.preventDefault());

  document.addEventListener('click', event => {
    if (event.target instanceof Element && event.target.closest('[data-chariot-reload]')) location.reload();
  });

  const lost = document.getElementById('components-reconnect-modal');
  lost?.addEventListener('components-reconnect-state-changed', event => {
    const state = event.detail.state;
    lost.classList.toggle('is-failed', state === 'failed' || state === 'rejected');
    if (state === 'show' && !lost.open) lost.showModal();
    if (state === 'hide' && lost.open) lost.close();
    // The circuit is gone for good (the broker was restarted): a fresh page is what is left.
    if (state === 'rejected') location.reload();
  });
})();
