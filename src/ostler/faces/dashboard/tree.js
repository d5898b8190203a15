// Builds a tree of `tree.py` with Vue, changes it as told, and tells what the user does.
// Texts become text nodes; there is no way from here to innerHTML.

function at(tree, path) {
  return path.reduce((node, index) => node[2][index], tree);
}

function values(form) {
  const found = {};
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string") found[name] = name in found ? [].concat(found[name], value) : value;
  }
  return found;
}

function valueOf(field) {
  if (field.type === "checkbox") return field.checked;
  return field.type === "number" || field.type === "range" ? field.valueAsNumber : field.value;
}

// Without HTTPS a browser lends the clipboard to pages of this machine alone; the old way is left.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = Object.assign(document.createElement("textarea"), { value: text });
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

export default {
  props: { tree: Array, base: String },
  created() {
    this.root = this.tree;
    this.waiting = new Map();
  },
  mounted() {
    this.listeners = [
      [document, "visibilitychange", () => this.$emit("visible", !document.hidden)],
      [window, "popstate", () => this.go(location.pathname + location.search, false)],
      [window, "pagehide", () => this.waiting.forEach(clearTimeout)],
      [document, "keydown", this.enter],
    ];
    for (const [on, name, heard] of this.listeners) on.addEventListener(name, heard);
    this.$nextTick(() => {
      // The socket is made when all of the page is.
      window.socket.on("disconnect", () => (document.documentElement.dataset.link = "lost"));
      window.socket.on("connect", () => delete document.documentElement.dataset.link);
    });
    this.settle();
  },
  unmounted() {
    for (const [on, name, heard] of this.listeners) on.removeEventListener(name, heard);
  },
  updated() {
    this.settle();
  },
  render() {
    return this.build(this.root);
  },
  methods: {
    patch(ops) {
      const logs = [...document.querySelectorAll("[data-follow]")].filter(
        (log) => log.scrollHeight - log.scrollTop - log.clientHeight < 40,
      );
      for (const [kind, path, ...rest] of ops) {
        if (kind === "node") {
          if (path.length) at(this.root, path.slice(0, -1))[2][path.at(-1)] = rest[0];
          else this.root = rest[0];
        } else {
          const node = at(this.root, path);
          if (kind === "attrs") [node[1], node[3]] = rest;
          else node[2].splice(rest[0], rest[1], ...rest[2]);
        }
      }
      this.$forceUpdate();
      this.$nextTick(() => logs.forEach((log) => (log.scrollTop = log.scrollHeight)));
    },

    build(node) {
      if (typeof node === "string") return node;
      const [name, attrs, children, events, key] = node;
      const props = {};
      // As an attribute a value is what a field starts with: what is typed stays.
      for (const attr in attrs) props[attr === "value" ? "^value" : attr] = attrs[attr];
      if (key) props.key = key;
      for (const event in events) {
        const on = "on" + event[0].toUpperCase() + event.slice(1);
        props[on] = (happened) => this.tell(happened, event, ...events[event]);
      }
      if (name === "a" && attrs.href?.startsWith(this.base) && !attrs.target && !attrs.download) {
        props.onClick = (click) => this.follow(click, attrs.href);
      }
      if ("data-do" in attrs) props.onClick = (click) => this.own(click, attrs);
      const inside = children.map(this.build);
      return Vue.h(name, props, inside);
    },

    tell(happened, event, name, args) {
      const from = happened.currentTarget;
      const more = { ...args };
      if (event === "submit") {
        happened.preventDefault();
        more.values = values(from);
        const by = happened.submitter;
        if (by?.name) more.values[by.name] = by.value;
        for (const field of from.querySelectorAll("[data-once]")) field.value = "";
      } else if (event === "cancel") {
        happened.preventDefault(); // the page closes it
      } else if (event === "change" || event === "input") {
        more.value = valueOf(from);
      } else if (event === "toggle") {
        more.open = from.open;
      } else if (event === "keydown") {
        more.pressed = happened.key;
      }
      const pause = Number(from.dataset.wait || 0);
      clearTimeout(this.waiting.get(name));
      if (!pause) return this.$emit("act", { name, args: more });
      this.waiting.set(name, setTimeout(() => this.$emit("act", { name, args: more }), pause));
    },

    // Enter sends what is written in such a field; with Shift it starts a line.
    enter(key) {
      if (key.key !== "Enter" || key.shiftKey || key.isComposing) return;
      if (!key.target.matches("textarea[data-enter]")) return;
      key.preventDefault();
      const send = key.target.form.querySelector("[type=submit]");
      if (!send.disabled) key.target.form.requestSubmit(send);
    },

    follow(click, href) {
      if (click.button || click.ctrlKey || click.metaKey || click.shiftKey || click.altKey) return;
      if (document.documentElement.dataset.link) return; // the browser asks the server itself
      click.preventDefault();
      this.go(href, true);
    },

    go(href, push) {
      if (push) history.pushState(null, "", href);
      document.documentElement.removeAttribute("data-menu");
      document.querySelector(".menu")?.setAttribute("aria-expanded", "false");
      this.$emit("go", href);
    },

    // Called by the server when another page is shown.
    arrived() {
      window.scrollTo(0, 0);
      document.querySelector("main h1")?.focus({ preventScroll: true });
    },

    // The address alone changes, so that it can be kept: the page is as it says already.
    address(href) {
      history.replaceState(null, "", href);
    },

    // What the browser does by itself.
    own(click, attrs) {
      const root = document.documentElement;
      if (attrs["data-do"] === "copy") {
        const from = click.currentTarget;
        copy(attrs["data-text"]).then(() => {
          from.dataset.done = "";
          setTimeout(() => delete from.dataset.done, 1500);
        });
      } else if (attrs["data-do"] === "theme") {
        window.ostlerTheme(attrs["data-theme-to"]);
      } else if (attrs["data-do"] === "menu") {
        const open = root.toggleAttribute("data-menu");
        click.currentTarget.setAttribute("aria-expanded", String(open));
      }
    },

    settle() {
      document.title = document.querySelector("[data-title]")?.dataset.title ?? document.title;
      for (const box of document.querySelectorAll("dialog[data-modal]:not([open])")) box.showModal();
      for (const log of document.querySelectorAll("[data-follow]:not([data-seen])")) {
        log.dataset.seen = "";
        log.scrollTop = log.scrollHeight;
      }
    },
  },
};
