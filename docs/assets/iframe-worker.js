// Browsers start no worker on a page opened as a file; the search then runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class IFrameWorker extends EventTarget {
    constructor(url) {
      super();
      this.listeners = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      const inside = frame.contentWindow;
      const load = (src) => new Promise((resolve, reject) => {
        const script = inside.document.createElement("script");
        script.src = src;
        script.onload = resolve;
        script.onerror = reject;
        inside.document.body.appendChild(script);
      });
      inside.IFrameWorker = IFrameWorker;
      inside.addEventListener = (kind, listener) => kind === "message" && this.listeners.push(listener);
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...urls) => urls.reduce((before, src) => before.then(() => load(src)), Promise.resolve());
      this.ready = load(new URL(url, document.baseURI));
    }
    postMessage(data) {
      this.ready.then(() => this.listeners.forEach((listener) => listener(new MessageEvent("message", { data }))));
    }
    terminate() {}
  };
}
