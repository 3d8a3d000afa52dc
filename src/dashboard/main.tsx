import { render } from 'preact';
import { App } from './app.tsx';
import { login, watchSession } from './server/session.ts';
import { watchAddress } from './view/address.ts';

const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1];
if (code !== undefined) {
  // Gone from the address, and with it from the history, before anything else.
  history.replaceState(null, '', '/#/map');
  void login({ code });
}
watchAddress();
watchSession();
const place = document.getElementById('app');
if (place !== null) render(<App />, place);
