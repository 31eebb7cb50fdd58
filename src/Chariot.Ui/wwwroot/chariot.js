// What a page needs that only the browser has. No secret passes through here but the files that the user uploads, from the file field to the API.
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

  window.chariot = {
    isDark: () => {
      const kept = localStorage.getItem(themeKey);
      return kept ? kept === 'dark' : window.matchMedia('(prefers-color-scheme: dark)').matches;
    },
    keepDark: dark => localStorage.setItem(themeKey, dark ? 'dark' : 'light'),
    copy,
    signOut: async () => {
      await fetch('/session/end', { method: 'POST', headers: { 'Chariot-Antiforgery': token() }, redirect: 'manual' });
      location.assign('/login');
    },
  };

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
