"""LSP: wiring, conversions and the editor's side of the assistant. The only package that knows pygls."""
