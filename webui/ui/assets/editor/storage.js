// Keeps the picture, its strokes and its mask in this browser (IndexedDB), so that a reload loses
// nothing. Only squares that changed are written. Where storage is off, the editor only forgets.

const DATABASE = "inkstone";
const STORE = "editor";
const LAYERS = ["mask", "sketch"];

export class Storage {
  constructor(name) {
    this.name = name;
    this.saved = { blob: null, mask: [], sketch: [] };
    this.next = null;
    this.working = null;
    this.ontrouble = () => {};
  }

  // state: { blob, width, height, mask, sketch }, the last two lists of squares. One write at a
  // time; what comes meanwhile waits, and only the latest of it is written.
  save(state) {
    this.next = state;
    this.working ||= this.work().finally(() => {
      this.working = null;
    });
    return this.working;
  }

  async work() {
    while (this.next) {
      const state = this.next;
      this.next = null;
      try {
        await this.write(state);
      } catch (error) {
        if (!(error instanceof DOMException)) throw error;
        this.saved = { blob: null, mask: [], sketch: [] };
        this.ontrouble(); // the disk is full, or storage is switched off
      }
    }
  }

  async write(state) {
    await change((store) => {
      if (!state.blob || state.blob !== this.saved.blob) {
        store.delete(this.range());
        this.saved = { blob: state.blob, mask: [], sketch: [] };
        if (!state.blob) return;
        store.put({ blob: state.blob, width: state.width, height: state.height }, [this.name, "picture"]);
      }
      for (const layer of LAYERS) {
        state[layer].forEach((tile, index) => {
          if (tile === (this.saved[layer][index] ?? null)) return;
          const key = [this.name, layer, index];
          if (tile) store.put(tile, key);
          else store.delete(key);
        });
      }
    });
    this.saved = { blob: state.blob, mask: state.mask, sketch: state.sketch };
  }

  // What was saved last; null where there is nothing.
  async load() {
    let keys;
    let values;
    try {
      await change((store) => {
        keys = store.getAllKeys(this.range());
        values = store.getAll(this.range());
      });
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      return null;
    }
    const state = { mask: [], sketch: [] };
    keys.result.forEach(([, kind, index], at) => {
      if (kind === "picture") Object.assign(state, values.result[at]);
      else state[kind][index] = values.result[at];
    });
    if (!state.blob) return null;
    this.saved = { blob: state.blob, mask: state.mask, sketch: state.sketch };
    return state;
  }

  range() {
    return IDBKeyRange.bound([this.name], [this.name, []]);
  }
}

// Runs `work` in one transaction: all of it is kept, or nothing.
async function change(work) {
  const database = await opened();
  try {
    await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, "readwrite");
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
      work(transaction.objectStore(STORE));
    });
  } finally {
    database.close();
  }
}

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
