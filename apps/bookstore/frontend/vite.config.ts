import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Relative addresses: the pages work at the root of a website and below a path. Names carry a digest of the content, so
// that everything but index.html and config.json may be cached for good.
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: { target: "es2022", sourcemap: false, assetsInlineLimit: 0, license: { fileName: "licenses.md" } },
});
