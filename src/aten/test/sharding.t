# torch_xla's mark inside of a program (sharding.c). The forms are XLA's, as test/test_sharding.py has it from jaxlib.
a mark on an intermediate value
in  self: f32[4,6]
y   f32[4,6] = aten.relu.default(self)
z   f32[4,6] = xla.aot_mark_sharding.default(t=y, mesh="{'device_ids': [0, 1, 2, 3], 'mesh_shape': (2, 2), 'axis_names': ('x', 'y')}", partition_spec="('x', None)")
out f32[4,6] = aten.neg.default(self=z)
-----
func.func @main(%arg0: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %cst = stablehlo.constant dense<0.000000e+00> : tensor<4x6xf32>
  %0 = stablehlo.maximum %arg0, %cst : tensor<4x6xf32>
  %1 = stablehlo.custom_call @Sharding(%0) {mhlo.sharding = "{devices=[2,1,2]<=[4] last_tile_dim_replicate}"} : (tensor<4x6xf32>) -> tensor<4x6xf32>
  %2 = stablehlo.negate %1 : tensor<4x6xf32>
  return %2 : tensor<4x6xf32>
}
=====
axes by number, several of them, devices in another order, one-tuples
in  t: f32[4]
out f32[4] = xla.aot_mark_sharding.default(t, mesh="{'device_ids': [1, 0], 'mesh_shape': (2,), 'axis_names': None}", partition_spec="((0,),)")
-----
func.func @main(%arg0: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.custom_call @Sharding(%arg0) {mhlo.sharding = "{devices=[2]1,0}"} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
=====
as many items as dimensions
in  t: f32[4,6]
out f32[4,6] = xla.aot_mark_sharding.default(t, mesh="{'device_ids': [0, 1], 'mesh_shape': (2,), 'axis_names': ('x',)}", partition_spec="('x',)")
----- error BAD_INPUT
xla.aot_mark_sharding.default (node out): partition_spec: offset 0: the partition spec has 1 items, the tensor 2 dimensions
=====
an axis that the mesh has not
in  t: f32[4]
out f32[4] = xla.aot_mark_sharding.default(t, mesh="{'device_ids': [0, 1], 'mesh_shape': (2,), 'axis_names': ('x',)}", partition_spec="('z',)")
----- error BAD_INPUT
xla.aot_mark_sharding.default (node out): partition_spec: offset 2: the mesh has no axis "z", it has x (0 to 0)
=====
devices that are not those of the shape
in  t: f32[4]
out f32[4] = xla.aot_mark_sharding.default(t, mesh="{'device_ids': [0, 2], 'mesh_shape': (2,), 'axis_names': ('x',)}", partition_spec="('x',)")
----- error BAD_INPUT
xla.aot_mark_sharding.default (node out): mesh: offset 19: item 1 of device_ids is none of 0 to 1, which a mesh of 2 devices has
=====
meshes of different sizes in one program
in  t: f32[4]
y   f32[4] = xla.aot_mark_sharding.default(t, mesh="{'device_ids': [0, 1], 'mesh_shape': (2,), 'axis_names': ('x',)}", partition_spec="('x',)")
out f32[4] = xla.aot_mark_sharding.default(t=y, mesh="{'device_ids': [0], 'mesh_shape': (1,), 'axis_names': ('x',)}", partition_spec="('x',)")
----- error BAD_INPUT
xla.aot_mark_sharding.default (node out): a mesh of 1 devices, the program's other meshes have 2
=====
what is no mesh
in  t: f32[4]
out f32[4] = xla.aot_mark_sharding.default(t, mesh="__import__('os')", partition_spec="('x',)")
----- error BAD_INPUT
xla.aot_mark_sharding.default (node out): mesh: offset 0: '__import__' is no JSON value
