# Linear algebra: what is refused, and in which words.
a vector where matrices are wanted
in  A: f32[3]
out f32[3] = aten.linalg_inv.default(A)
----- error BAD_INPUT
aten.linalg_inv.default (node out): tensor<3xf32>, wanted matrices
=====
matrices that are not square
in  A: f32[2,3,4]
out f32[2] = aten.linalg_det.default(A)
----- error BAD_INPUT
aten.linalg_det.default (node out): 'A' is tensor<2x3x4xf32>, wanted square matrices
=====
an element type that torch has no factorizations of
in  self: f16[3,3]
out f16[3,3] = aten.linalg_cholesky.default(self)
----- error UNSUPPORTED
aten.linalg_cholesky.default (node out): tensor<3x3xf16>, wanted f32, f64 or complex numbers of these
=====
batches that do not broadcast
in  A: f32[2,3,3]
in  B: f32[4,3,1]
out f32[4,3,1] = aten.linalg_solve.default(A, B)
----- error BAD_INPUT
aten.linalg_solve.default (node out): tensor<2xf32> and tensor<4xf32> do not broadcast
=====
a tensor that is not square
in  self: f32[2,3,4]
out f32[3,4,2] = aten.linalg_tensorinv.default(self, ind=1)
----- error BAD_INPUT
aten.linalg_tensorinv.default (node out): tensor<2x3x4xf32> is not square at dim 1
